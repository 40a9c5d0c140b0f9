"""The documents say what the code does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from docs import generate
from tagship.project import file as config_file

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SCHEMA = json.loads(generate.schema())

BLOCKS = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
CONFIGURATIONS = [text for page in PAGES for text in BLOCKS.findall(page.read_text()) if "\nenvironments:" in text]
"""Every whole tagship.yml that a page shows."""
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")
LINKS = [(page, target) for page in PAGES for target in LINK.findall(page.read_text())]
"""Every link of a page to a file of the repository."""


def test_what_is_generated_is_current() -> None:
    argv = [sys.executable, "-m", "docs.generate", "--check"]  # a process of its own: Invoke tells a task's help once

    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_a_configuration_that_a_page_shows_is_valid(text: str, tmp_path: Path) -> None:
    (tmp_path / "tagship.yml").write_text(text)

    config_file.load(tmp_path / "tagship.yml")

    jsonschema.validate(yaml.safe_load(text), SCHEMA)


def test_the_pages_show_configurations() -> None:
    assert len(CONFIGURATIONS) > 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"unknown": 1},
        {"release": {"unknown": 1}},
        {"environments": {}},
        {"environments": {"Upper": {"engine": "local", "url": "http://localhost"}}},
        {"environments": {"local": {"engine": "local", "url": "http://localhost", "name": "other"}}},
        {"keep": 0},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_reading_refuses(wrong: dict[str, object]) -> None:
    right = {"app": "shop", "environments": {"local": {"engine": "local", "url": "http://localhost"}}}
    jsonschema.validate(right, SCHEMA)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**right, **wrong}, SCHEMA)


def test_the_schema_takes_one_text_for_a_list_and_a_duration_as_text() -> None:
    wanted = {"compose": "compose.yml", "smoke-within": "1m30s"}

    jsonschema.validate(
        {"app": "shop", "environments": {"a": {"engine": "local", "url": "http://b"}}, **wanted}, SCHEMA
    )


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_a_link_leads_to_a_file(page: Path, target: str) -> None:
    path, _, _ = target.partition("#")

    assert (page.parent / path).exists()
