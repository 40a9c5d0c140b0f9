"""Which variables an app's Compose files refer to, and what each needs."""

from collections.abc import Mapping
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
