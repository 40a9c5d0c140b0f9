"""A deploy can demand a restore drill that passed not long ago."""

import dataclasses

import pytest

from tagship.deploy.preflight import undrilled
from tagship.proof import ledger
from tests.fakes.builders import observed, rendered

OLD = rendered("a")

DRILL = ledger.Entry("2026-11-20T03:00:00+00:00", "drill", "ok", OLD.name, "")


@pytest.mark.parametrize("since", ["", "2026-11-20T02:59:59+00:00", "2026-11-20T03:00:00+00:00"])
def test_a_drill_that_passed_since_then_is_enough(since: str) -> None:
    assert list(undrilled(observed(OLD, history=[DRILL]), since)) == []


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ([], "isn't in the ledger"),
        ([DRILL], "is of 2026-11-20"),
        ([DRILL, dataclasses.replace(DRILL, at="2026-11-26T03:00:00+00:00", result="failed")], "is of 2026-11-20"),
    ],
)
def test_an_older_one_or_one_that_failed_is_not(history: list[ledger.Entry], why: str) -> None:
    (finding,) = undrilled(observed(OLD, history=history), "2026-11-20T03:00:01+00:00")

    assert why in finding
    assert "backup.drill" in finding


def test_without_the_rule_no_drill_is_needed() -> None:
    assert list(undrilled(observed(OLD), "")) == []
