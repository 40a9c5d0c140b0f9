"""Which release a rollback goes to."""

import dataclasses

import pytest

from tagship.deploy.rollback import choose_rollback, compared
from tagship.errors import SourceError
from tagship.proof import ledger
from tagship.release.model import Configuration, Record
from tests.fakes.builders import entry, observed, rendered, sha

FIRST, SECOND, THIRD = rendered("a"), rendered("b"), rendered("c")


def test_goes_back_to_what_was_live_before_the_live_release() -> None:
    history = [entry(FIRST), entry(SECOND, FIRST.name), entry(THIRD, SECOND.name)]

    assert choose_rollback(observed(THIRD, history=history))[0] == SECOND.name


def test_a_second_rollback_goes_one_further_back_and_not_forth_again() -> None:
    history = [
        entry(FIRST),
        entry(SECOND, FIRST.name),
        entry(THIRD, SECOND.name),
        entry(SECOND, THIRD.name, action="rollback"),
    ]

    assert choose_rollback(observed(SECOND, history=history))[0] == FIRST.name


def test_a_deploy_that_was_switched_back_counts_for_nothing() -> None:
    history = [
        entry(FIRST),
        entry(SECOND, FIRST.name),
        entry(THIRD, SECOND.name, result=ledger.SWITCHED_BACK),
    ]

    assert choose_rollback(observed(SECOND, history=history))[0] == FIRST.name


def test_migrating_alone_makes_no_release_to_go_back_to() -> None:
    history = [entry(FIRST), entry(SECOND, action="migrate")]

    with pytest.raises(SourceError, match="starts with 'bbbb'"):
        choose_rollback(observed(FIRST, history=history), "bbbb")


def test_a_finished_killed_deploy_goes_back_to_the_good_release_before_it() -> None:
    history = [entry(FIRST), entry(SECOND, SECOND.name)]  # live was SECOND already when the second deploy looked

    assert choose_rollback(observed(SECOND, history=history))[0] == FIRST.name


def test_there_is_nothing_before_the_first_release() -> None:
    with pytest.raises(SourceError, match="no release before the live one"):
        choose_rollback(observed(FIRST, history=[entry(FIRST)]))


def test_from_a_release_that_the_ledger_does_not_prove_the_last_good_one_is_gone_back_to() -> None:
    history = [entry(FIRST), entry(SECOND, FIRST.name)]

    assert choose_rollback(observed(THIRD, history=history)) == (SECOND.name, FIRST.name)


def test_there_is_nothing_to_go_back_to_where_nothing_was_deployed() -> None:
    with pytest.raises(SourceError):
        choose_rollback(observed(None))


def test_after_new_variables_of_the_same_commit_the_former_ones_come_first() -> None:
    changed = rendered("b", configuration="1" * 64)
    history = [entry(FIRST), entry(SECOND, FIRST.name), entry(changed, SECOND.name)]

    assert choose_rollback(observed(changed, history=history)) == (SECOND.name, FIRST.name)


def test_a_rollback_that_was_rendered_anew_goes_one_further_back_the_next_time() -> None:
    anew = rendered("b", configuration="2" * 64)
    back = dataclasses.replace(entry(anew, THIRD.name, action="rollback"), restores=SECOND.name)
    history = [entry(FIRST), entry(SECOND, FIRST.name), entry(THIRD, SECOND.name), back]

    assert choose_rollback(observed(anew, history=history)) == (FIRST.name,)


def test_a_rollback_is_what_a_later_rollback_goes_back_to_by_the_name_of_its_deploy() -> None:
    anew = rendered("a", configuration="2" * 64)
    back = dataclasses.replace(entry(anew, SECOND.name, action="rollback"), restores=FIRST.name)
    history = [entry(FIRST), entry(SECOND, FIRST.name), back, entry(THIRD, anew.name)]

    assert choose_rollback(observed(THIRD, history=history)) == (FIRST.name, SECOND.name)


def test_releases_that_restore_each_other_are_no_endless_story() -> None:
    one = dataclasses.replace(entry(FIRST, action="rollback"), restores=SECOND.name)
    other = dataclasses.replace(entry(SECOND, action="rollback"), restores=FIRST.name)

    with pytest.raises(SourceError):
        choose_rollback(observed(FIRST, history=[other, one]))


def test_says_which_variables_come_back_and_which_secrets_do_not() -> None:
    then, now = (
        Configuration({"A": "1", "B": "1"}, {"S": "x", "T": "y"}),
        Configuration({"A": "1", "B": "1"}, {"S": "z", "T": "y"}),
    )
    live = Record(SECOND.release, Configuration({"A": "1", "B": "2", "C": "3"}))
    seen = dataclasses.replace(observed(SECOND), live_record=live)

    assert list(compared(then, now, seen)) == [
        "gets its old value of B, C back",
        "S changed since, and it gets today's secrets",
    ]
    assert list(compared(None, now, seen)) == ["its variables were not stored, so it gets today's"]


def test_a_prefix_names_the_newest_good_configuration_of_that_commit() -> None:
    rotated = rendered("a", configuration="1" * 64)
    history = [entry(FIRST), entry(rotated, FIRST.name), entry(SECOND, rotated.name)]

    assert choose_rollback(observed(SECOND, history=history), "aaaaaaa")[0] == rotated.name


def test_a_prefix_of_two_commits_is_refused_and_names_both() -> None:
    one, other = (entry(FIRST), entry(SECOND))
    twin = ledger.Entry(other.at, "deploy", ledger.GOOD, other.release, "a" + sha("b")[1:])

    with pytest.raises(SourceError, match=r"a matches 2 releases: aaaa.*, abbb.*"):
        choose_rollback(observed(SECOND, history=[one, twin]), "a")


@pytest.mark.parametrize("hostile", ["--foo", "; rm -rf /", "⟦SECRET⟧", ".*"])
def test_what_is_no_known_sha_finds_nothing(hostile: str) -> None:
    with pytest.raises(SourceError, match="No good release here"):
        choose_rollback(observed(FIRST, history=[entry(FIRST)]), hostile)
