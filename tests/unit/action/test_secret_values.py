"""Every value that an app's Compose files take from the environment is a secret to the action's log."""

from pathlib import Path

import pytest

from action import secret_values
from tagship.project.schema import Config

COMPOSE = """\
services:
  web:
    environment: [PASSED_ON, "DB=${DB_PASSWORD:?}", PATH]
secrets:
  key: {environment: SIGNING_KEY}
"""
ENVIRONMENT = {"PASSED_ON": "passed-on", "DB_PASSWORD": "db", "SIGNING_KEY": "signing", "PATH": "/bin", "OTHER": "x"}


@pytest.mark.parametrize("prefix", ["", "LIVE_"])
def test_whatever_way_a_compose_file_names_it_its_value_is_hidden(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "docker-compose.yml").write_text(COMPOSE)
    here = {"engine": "local", "url": "http://localhost", "secrets": f"env://{prefix}"}
    config = Config.model_validate({"app": "shop", "environments": {"here": here}})

    found = secret_values.of(config, tmp_path, {prefix + name: value for name, value in ENVIRONMENT.items()})

    # a shell's own variable is a secret only under a prefix
    assert set(found) == {"passed-on", "db", "signing"} | ({"/bin"} if prefix else set())
