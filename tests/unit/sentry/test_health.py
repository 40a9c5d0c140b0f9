"""A release is healthy only with evidence: missing data is not good data."""

from dataclasses import replace

import pytest

from tagship.sentry.health import Limits, Measurements, Sessions, Verdict, judge, verdict

GOOD, BAD, UNSURE = Verdict.HEALTHY, Verdict.UNHEALTHY, Verdict.INCONCLUSIVE
NEW = Measurements(new_issues=0, errors=3, sessions=Sessions(500, 2))
OLD = Measurements(errors=2, sessions=Sessions(9000, 18))


def test_a_release_like_the_one_before_it_is_healthy() -> None:
    assert verdict(judge(NEW, OLD, Limits())) is GOOD


@pytest.mark.parametrize(
    ("new", "name"),
    [
        (replace(NEW, new_issues=1), "new issues"),
        (replace(NEW, errors=11), "errors"),
        (replace(NEW, sessions=Sessions(500, 7)), "crash-free sessions"),
    ],
)
def test_one_bad_signal_makes_a_release_unhealthy(new: Measurements, name: str) -> None:
    signals = judge(new, OLD, Limits())

    assert [signal.name for signal in signals if signal.verdict is BAD] == [name]
    assert verdict(signals) is BAD


@pytest.mark.parametrize(
    "new",
    [
        replace(NEW, new_issues=None),
        replace(NEW, errors=None),
        replace(NEW, sessions=None),
        replace(NEW, sessions=Sessions(49, 0)),
    ],
)
def test_what_sentry_cannot_say_or_too_few_samples_is_inconclusive(new: Measurements) -> None:
    assert verdict(judge(new, OLD, Limits())) is UNSURE


@pytest.mark.parametrize("old", [replace(OLD, errors=None), replace(OLD, sessions=None)])
def test_a_release_before_of_which_nothing_is_known_is_inconclusive(old: Measurements) -> None:
    assert verdict(judge(NEW, old, Limits())) is UNSURE


def test_bad_news_count_even_where_the_rest_is_unknown() -> None:
    assert verdict(judge(Measurements(new_issues=5), None, Limits())) is BAD


def test_nothing_known_at_all_is_inconclusive() -> None:
    assert verdict(judge(Measurements(), None, Limits())) is UNSURE


def test_no_errors_are_good_news_only_where_somebody_was_there() -> None:
    silent = Measurements(new_issues=0, errors=0, sessions=Sessions(0, 0))

    assert verdict(judge(silent, None, Limits(min_sessions=0))) is UNSURE
    assert verdict(judge(replace(silent, sessions=Sessions(3, 0)), None, Limits(min_sessions=0))) is GOOD


def test_a_first_release_is_held_to_no_crash_at_all_but_the_allowed_drop() -> None:
    first = Measurements(new_issues=0, errors=0, sessions=Sessions(1000, 9))

    assert verdict(judge(first, None, Limits())) is GOOD
    assert verdict(judge(first, None, Limits(crash_free_drop=0.5))) is BAD


def test_errors_may_grow_by_a_factor_and_a_few_are_never_too_many() -> None:
    before = replace(OLD, errors=100)

    assert verdict(judge(replace(NEW, errors=200), before, Limits())) is GOOD
    assert verdict(judge(replace(NEW, errors=201), before, Limits())) is BAD
    assert verdict(judge(replace(NEW, errors=10), replace(OLD, errors=0), Limits())) is GOOD


def test_no_signals_at_all_are_inconclusive() -> None:
    assert verdict([]) is UNSURE
