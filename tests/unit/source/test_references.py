"""The variables that a folder's Compose files refer to, and all that they lead to."""

from pathlib import Path

import pytest

from tagship.release.references import Need
from tagship.source import references

DEFAULTED, OPTIONAL, SET, FILLED = Need


def test_reads_files_as_they_stand_and_all_that_they_lead_to(tmp_path: Path) -> None:
    written = {
        "compose.yml": """
            include: [sub/included.yml, {path: [more.yml]}]
            x-common: &common {environment: ["BARE", "SET=1"]}
            services:
              web: {<<: *common, image: "${IMAGE:-x}", env_file: web.env, extends: {file: base.yml, service: a}}
              old: !reset null
              top: {ports: !override ["${PORT:?}"], labels: {since: 2020-13-45, is: =}}
            secrets: {s: {environment: SECRET}}
        """,
        "sub/included.yml": "include: ../compose.yml\nservices: {i: {env_file: [{path: i.env}]}}",
        "sub/i.env": "A=${INCLUDED_ENV}",
        "more.yml": "services: {m: {image: $MORE}}",
        "base.yml": "services: {a: {build: {context: ., args: [ARG]}}}",
        "web.env": "B=${WEB_ENV:-}",
    }
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    assert references.in_files(["compose.yml", "not-there.yml"], tmp_path) == {
        "BARE": OPTIONAL,
        "IMAGE": DEFAULTED,
        "PORT": FILLED,
        "SECRET": SET,
        "INCLUDED_ENV": SET,
        "MORE": SET,
        "ARG": OPTIONAL,
        "WEB_ENV": OPTIONAL,
    }


@pytest.mark.parametrize("text", ["- a", "", "services: {w: }"])
def test_what_is_no_compose_file_refers_to_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "compose.yml").write_text(text)

    assert references.in_files(["compose.yml"], tmp_path) == {}


@pytest.mark.parametrize("text", ["services: [ $A", "a: {b: 2020-13-45, c: =, d: $A}"])
def test_nothing_is_overlooked_in_a_file_that_is_hard_to_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "compose.yml").write_text(text)

    assert references.in_files(["compose.yml"], tmp_path) == {"A": SET}
