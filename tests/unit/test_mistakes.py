"""Every mistake of tests/mistakes is told in one line, with what to do about it, and changes nothing."""

import re
from collections.abc import Iterator

import pytest

from docs import mistakes
from tests.mistakes.cases import Case, themes
from tests.mistakes.world import World, world
from tests.unit.test_errors import VERBS

CASES = [case for theme in themes() for case in theme.cases]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where the cases run, one after another."""
    with world(tmp_path_factory.mktemp("mistakes")) as made:
        yield made


def test_there_are_many_and_each_stands_once() -> None:
    assert len(CASES) >= 150
    assert len({case.did for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.did)
def test_a_mistake_is_told_with_what_to_do_about_it_and_changes_nothing(place: World, case: Case) -> None:
    ran = place.ran(case)

    problem, _, hint = ran.said.partition("\n  hint: ")
    assert ran.code == case.code, ran
    assert "Traceback" not in ran.said
    assert ran.said.startswith(f"{case.at}: " if case.at else problem), ran.said
    assert VERBS.match(hint) or "did you mean " in (hint or problem), ran.said
    assert len(problem.splitlines()) <= 3, "one line for each problem"
    assert ran.changed == ()
    assert mistakes.row(case, ran.said) in mistakes.shown(), "docs/mistakes.md is out of date: run `nox -s docs`"


def test_the_page_has_no_other_rows() -> None:
    rows = [line for line in mistakes.shown() if re.match(r"\| (?!you did|---)", line)]

    assert len(rows) == len(CASES)
