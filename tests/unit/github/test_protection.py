"""What an environment lacks, and what tightening it changes: never anything that is stricter already."""

from tagship.github import protection
from tagship.github.protection import Protection

ALICE, BOB = ("User", 1), ("User", 2)
WANTED = Protection(frozenset({ALICE}), prevent_self_review=True, wait_minutes=5, branches={"main": 0})


def test_a_missing_environment_is_a_finding() -> None:
    assert "no environment 'production'" in protection.findings("production", None, private=False)[0]


def test_reviewers_and_a_branch_policy_are_what_protects() -> None:
    assert protection.findings("p", WANTED, private=False) == []
    assert protection.findings("p", Protection(frozenset({ALICE}), protected_branches=True), private=False) == []
    assert len(protection.findings("p", Protection(), private=False)) == 2


def test_a_policy_for_every_branch_is_none() -> None:
    every = Protection(frozenset({ALICE}), branches={"main": 1, "*": 2})

    assert "'*' lets any branch" in protection.findings("p", every, private=False)[0]


def test_a_private_repository_is_told_which_plan_it_takes() -> None:
    assert "GitHub Enterprise" in protection.findings("p", Protection(), private=True)[0]


def test_a_new_environment_gets_all_of_it() -> None:
    assert protection.difference("p", None, WANTED) == [
        "+ environment p",
        "+ required reviewers: User 1",
        "+ who started the run may not approve it",
        "~ wait timer: 0 → 5 minutes",
        "+ branch main",
    ]
    assert protection.payload(protection.merge(None, WANTED)) == {
        "wait_timer": 5,
        "prevent_self_review": True,
        "reviewers": [{"type": "User", "id": 1}],
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True},
    }


def test_what_is_as_wanted_is_left_alone() -> None:
    assert protection.difference("p", protection.merge(None, WANTED), WANTED) == []


def test_what_is_stricter_stays() -> None:
    strict = Protection(frozenset({BOB}), prevent_self_review=True, wait_minutes=60, protected_branches=True)

    assert protection.difference("p", strict, WANTED) == []
    assert protection.merge(strict, Protection()) == strict


def test_a_branch_too_many_goes() -> None:
    loose = Protection(frozenset({ALICE}), prevent_self_review=True, wait_minutes=5, branches={"main": 1, "dev*": 2})

    assert protection.difference("p", loose, WANTED) == ["- branch dev*"]
