"""Which variables an app's Compose files refer to, and what each needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tagship.release import references
from tagship.release.references import Need

DEFAULTED, OPTIONAL, SET, FILLED = Need


def needs(files: Mapping[str, str] | None = None, **services: Mapping[str, Any]) -> references.Needs:
    """Those of a model with those services."""
    return references.of({"services": services}, files or {})


@pytest.mark.parametrize(
    ("written", "needed"),
    [
        ("$A", {"A": SET}),
        ("${A}", {"A": SET}),
        ("${A:?say}", {"A": FILLED}),
        ("${A?}", {"A": SET}),
        ("${A:-x}", {"A": DEFAULTED}),
        ("${A-x}", {"A": DEFAULTED}),
        ("${A:-}", {"A": OPTIONAL}),
        ("${A-}", {"A": OPTIONAL}),
        ("${A:+x}", {"A": OPTIONAL}),
        ("${A:-${B}}", {"A": DEFAULTED, "B": SET}),
        ("${A:-x} ${A}", {"A": SET}),
        ("${A} ${A:?}", {"A": FILLED}),
        ("$A-x $B:?", {"A": SET, "B": SET}),
        ("$${A} $$A", {}),
        ("$$${A}", {"A": SET}),
        ("5$ $1 ${", {}),
    ],
)
def test_finds_the_variables_a_file_refers_to_and_what_they_need(written: str, needed: references.Needs) -> None:
    assert needs(web={"command": ["x", written]}) == needed


def test_variables_of_env_files_count_because_compose_interpolates_them() -> None:
    files = {".env": "URL=http://${HOST:-x}/${PATH_PART}"}

    assert needs(files, web={"env_file": [{"path": ".env"}]}) == {"HOST": DEFAULTED, "PATH_PART": SET}


def test_variables_of_config_files_do_not_because_compose_leaves_them_alone() -> None:
    model = {"services": {"web": {}}, "configs": {"nginx": {"file": "nginx.conf"}}}

    assert references.of(model, {"nginx.conf": "set $x $host;"}) == {}


@pytest.mark.parametrize("given", [{"A": None, "B": "x"}, ["A", "B=x"]])
def test_a_variable_passed_on_without_a_value_may_be_missing(given: object) -> None:
    assert needs(web={"environment": given}) == {"A": OPTIONAL}
    assert needs(web={"build": {"args": given}}) == {"A": OPTIONAL}


def test_what_a_secret_or_config_is_read_from_must_be_there() -> None:
    model = {"services": {}, "secrets": {"s": {"environment": "S"}}, "configs": {"c": {"environment": "C"}}}

    assert references.of(model, {}) == {"S": SET, "C": SET}


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
