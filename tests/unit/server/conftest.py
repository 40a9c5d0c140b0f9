"""What the tests of a server share."""

import tempfile
from pathlib import Path

import pytest

from tests.fakes import servers
from tests.fakes.openssh import Machine
from tests.fakes.servers import Answer


@pytest.fixture
def composed(daemon: servers.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `docker-compose` that keeps what it is told, then does what the file named after its last word does."""
    daemon.answers["GET /images/json"] = Answer(body=[])
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    plugin = tmp_path / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir()
    keep = f'printf "%s\\n" "$@" >> {tmp_path}/argv; tee {tmp_path}/stdin >> {tmp_path}/models'
    plugin.write_text(f'#!/bin/sh\n{keep}; for last; do :; done; . "{tmp_path}/$last"\n')
    plugin.chmod(0o755)
    return tmp_path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """One with temporary files of its own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Machine(tmp_path)
