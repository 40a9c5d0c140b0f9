"""What `run:` names, and what the inputs add to it."""

import pytest

from action import words
from action.errors import ActionError
from tagship import namespace

TASKS = [
    words.Task("test", {"--component": True, "-c": True}),
    words.Task("build", {"--dirty": False, "--json": False}),
    words.Task("push", {}),
    words.Task("deploy", {"--env": True, "-e": True, "--sha": True, "-s": True, "--dry-run": False}),
    words.Task("rollback", {"--env": True, "-e": True, "--to": True, "-t": True}),
]


def complete(*given: str, environment: str = "staging", sha: str = "") -> list[str]:
    return words.complete(words.calls(given, TASKS), environment, sha)


def test_the_environment_goes_to_the_tasks_that_take_one() -> None:
    assert complete("test", "build", "deploy") == ["test", "build", "deploy", "--env", "staging"]


@pytest.mark.parametrize(
    "given", [["deploy", "--env", "x"], ["deploy", "-e", "x"], ["deploy", "--env=x"], ["deploy", "x"]]
)
def test_an_environment_named_in_run_stays(given: list[str]) -> None:
    assert complete(*given) == given


def test_the_sha_is_where_to_go_back_to() -> None:
    assert complete("rollback", sha="1a2b")[-2:] == ["--to", "1a2b"]
    assert complete("deploy", "--sha", "3c4d", sha="1a2b").count("--sha") == 1


def test_the_value_of_an_option_is_no_task() -> None:
    assert complete("deploy", "--env", "test", "build") == ["deploy", "--env", "test", "build"]


@pytest.mark.parametrize(
    ("given", "says"), [("deplyo", "Did you mean deploy"), ("test lnit", "lnit"), ("zzz", "There are")]
)
def test_a_word_that_is_no_task_is_refused(given: str, says: str) -> None:
    with pytest.raises(ActionError, match=says):
        words.calls(given.split(), TASKS)


def test_every_task_that_reaches_an_environment_is_known_to_change_it_or_not_to() -> None:
    reaching = {str(c.name) for c in namespace.to_contexts() if "--env" in c.flags} | {"push"}

    assert reaching - words.CHANGING == {
        "status", "history", "smoke-test", "lock.status", "accessories.status", "github.check",
    }  # fmt: skip
    assert reaching >= words.CHANGING


def test_a_pull_request_changes_nothing() -> None:
    found = words.calls(["test", "deploy"], TASKS)

    with pytest.raises(ActionError, match="pull request"):
        words.refuse_pull_request(found, "pull_request")
    words.refuse_pull_request(found, "push")
    words.refuse_pull_request(words.calls(["test", "build"], TASKS), "pull_request_target")
