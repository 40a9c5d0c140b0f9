"""Which release a rollback goes to."""

import pytest

from tagship import ledger
from tagship.errors import SourceError
from tagship.plans.rollback import choose_rollback
from tests.unit.builders import entry, observed, rendered, sha

FIRST, SECOND, THIRD = rendered("a"), rendered("b"), rendered("c")


def test_goes_back_to_what_was_live_before_the_live_release() -> None:
    history = [entry(FIRST), entry(SECOND, FIRST.name), entry(THIRD, SECOND.name)]

    assert choose_rollback(observed(THIRD, history=history)) == SECOND.name


def test_a_second_rollback_goes_one_further_back_and_not_forth_again() -> None:
    history = [
        entry(FIRST),
        entry(SECOND, FIRST.name),
        entry(THIRD, SECOND.name),
        entry(SECOND, THIRD.name, action="rollback"),
    ]

    assert choose_rollback(observed(SECOND, history=history)) == FIRST.name


def test_a_deploy_that_was_switched_back_counts_for_nothing() -> None:
    history = [
        entry(FIRST),
        entry(SECOND, FIRST.name),
        entry(THIRD, SECOND.name, result=ledger.SWITCHED_BACK),
    ]

    assert choose_rollback(observed(SECOND, history=history)) == FIRST.name


def test_migrating_alone_makes_no_release_to_go_back_to() -> None:
    history = [entry(FIRST), entry(SECOND, action="migrate")]

    with pytest.raises(SourceError, match="starts with 'bbbb'"):
        choose_rollback(observed(FIRST, history=history), "bbbb")


def test_a_finished_killed_deploy_goes_back_to_the_good_release_before_it() -> None:
    history = [entry(FIRST), entry(SECOND, SECOND.name)]  # live was SECOND already when the second deploy looked

    assert choose_rollback(observed(SECOND, history=history)) == FIRST.name


def test_there_is_nothing_before_the_first_release() -> None:
    with pytest.raises(SourceError, match="no release before the live one"):
        choose_rollback(observed(FIRST, history=[entry(FIRST)]))


def test_nobody_knows_what_was_before_a_release_that_the_ledger_does_not_have() -> None:
    with pytest.raises(SourceError, match="no release before the live one"):
        choose_rollback(observed(THIRD, history=[entry(FIRST), entry(SECOND, FIRST.name)]))


def test_there_is_nothing_to_go_back_to_where_nothing_was_deployed() -> None:
    with pytest.raises(SourceError):
        choose_rollback(observed(None))


def test_a_prefix_names_the_newest_good_configuration_of_that_commit() -> None:
    rotated = rendered("a", configuration="1" * 64)
    history = [entry(FIRST), entry(rotated, FIRST.name), entry(SECOND, rotated.name)]

    assert choose_rollback(observed(SECOND, history=history), "aaaaaaa") == rotated.name


def test_a_prefix_of_two_commits_is_refused_and_names_both() -> None:
    one, other = (entry(FIRST), entry(SECOND))
    twin = ledger.Entry(other.at, "deploy", ledger.GOOD, other.release, "a" + sha("b")[1:])

    with pytest.raises(SourceError, match=r"a means 2 releases: aaaa.*, abbb.*"):
        choose_rollback(observed(SECOND, history=[one, twin]), "a")


@pytest.mark.parametrize("hostile", ["--foo", "; rm -rf /", "⟦SECRET⟧", ".*"])
def test_what_is_no_known_sha_finds_nothing(hostile: str) -> None:
    with pytest.raises(SourceError, match="No good release here"):
        choose_rollback(observed(FIRST, history=[entry(FIRST)]), hostile)
