"""Which previews have expired, and whether there is room for one more."""

import dataclasses

import pytest

from tagship.deploy.previews import Preview, expired, refuse_more
from tagship.errors import CheckError
from tagship.proof import ledger
from tests.fakes.builders import entry, rendered

NEW = rendered("a")
DEPLOYED = 1767225600.0
"""The time of `entry`, 2026-01-01."""
DAY = 86400.0


def test_a_previews_time_runs_from_its_last_deploy_good_or_failed() -> None:
    history = (entry(NEW, result=ledger.FAILED), dataclasses.replace(entry(NEW, action="seed"), at="2026-01-02"))
    preview = Preview(12, touched=0, history=history)

    assert expired([preview], DAY, DEPLOYED + DAY - 1) == []
    assert expired([preview], DAY, DEPLOYED + DAY) == [preview]


def test_one_that_was_never_deployed_counts_from_when_it_was_touched() -> None:
    assert expired([Preview(12, touched=100)], 10, 109) == []
    assert expired([Preview(12, touched=100)], 10, 110) == [Preview(12, touched=100)]


def test_it_is_seeded_when_the_seed_has_succeeded() -> None:
    failed = entry(NEW, action="seed", result=ledger.FAILED)

    assert not Preview(12, 0, history=(entry(NEW), failed)).seeded
    assert Preview(12, 0, history=(failed, entry(NEW, action="seed"))).seeded


def test_only_a_new_one_is_refused_when_there_are_as_many_as_may_be() -> None:
    there = [Preview(7, 0), Preview(3, 0)]

    refuse_more(there, 7, most=2)
    refuse_more(there, 9, most=3)
    with pytest.raises(CheckError, match=r"There are 2 previews, and `previews\.most` is 2: 3, 7"):
        refuse_more(there, 9, most=2)
