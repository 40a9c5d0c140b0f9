"""What `run:` names, and what the inputs add to it."""

import pytest
from invoke.context import Context

from action import words
from action.errors import ActionError
from tagship import namespace
from tagship.commands.task import task

TASKS = [
    words.Task("test", {"--component": True, "-c": True}, trusts=False),
    words.Task("build", {"--dirty": False, "--json": False}, trusts=False),
    words.Task("push", {}),
    words.Task("deploy", {"--env": True, "-e": True, "--sha": True, "-s": True, "--dry-run": False}),
    words.Task("secrets.rotate", {"--env": True, "--name": True}, positional=("name",)),
    words.Task("secrets.diff", {"--env": True, "--other": True}, positional=("env", "other")),
    words.Task("preview.up", {"--number": True, "--wait": True, "--dirty": False}, positional=("number",)),
    words.Task("rollback", {"--env": True, "-e": True, "--to": True, "-t": True}),
]


def complete(*given: str, environment: str = "staging", sha: str = "") -> list[str]:
    return words.complete(words.calls(given, TASKS), environment, sha)


def test_the_environment_goes_to_the_tasks_that_take_one() -> None:
    assert complete("test", "build", "deploy") == ["test", "build", "deploy", "--env", "staging"]


def test_a_word_that_is_no_environment_leaves_room_for_one() -> None:
    given = ["secrets.rotate", "SECRET_KEY", "deploy"]

    assert complete(*given) == [*given[:2], "--env", "staging", "deploy", "--env", "staging"]
    assert complete("secrets.diff", "a", "b") == ["secrets.diff", "a", "b"]


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
    ("given", "says"), [("deplyo", "Did you mean deploy"), ("test lnit", "lnit"), ("zzz", "Use one of")]
)
def test_a_word_that_is_no_task_is_refused(given: str, says: str) -> None:
    with pytest.raises(ActionError, match=says):
        words.calls(given.split(), TASKS)


def test_a_pull_request_runs_only_what_trusts_nothing_it_says() -> None:
    assert {name for name in namespace.task_names if not namespace[name].trusts} == {
        "test", "lint", "build", "smoke-test", "github.workflows", "github.check", "demo",
    }  # fmt: skip

    found = words.calls(["test", "deploy"], TASKS)
    with pytest.raises(ActionError, match="`deploy` doesn't run on pull_request"):
        words.refuse_pull_request(found, "pull_request")
    words.refuse_pull_request(found, "push")
    words.refuse_pull_request(words.calls(["test", "build"], TASKS), "pull_request_target")


@pytest.mark.parametrize("given", ["preview.up 12", "preview.up 12 --wait 9", "test preview.up 12 --dirty"])
def test_a_pull_request_of_the_repository_has_its_own_preview(given: str) -> None:
    words.refuse_pull_request(words.calls(given.split(), TASKS), "pull_request", own=12)


@pytest.mark.parametrize(
    ("given", "own", "said"),
    [
        ("preview.up 12", 0, "fork's pull request"),
        ("preview.up 13", 12, "only for the run's own"),
        ("preview.up", 12, "only for the run's own"),
        ("preview.up --number 13", 12, "only for the run's own"),
        ("preview.up 12 --number=13", 12, "only for the run's own"),
        ("preview.up 12 13", 12, "only for the run's own"),
        ("preview.up 12 deploy --env pr12", 12, "`deploy` doesn't run"),
    ],
)
def test_a_pull_request_reaches_no_other_preview_and_nothing_else(given: str, own: int, said: str) -> None:
    with pytest.raises(ActionError, match=said):
        words.refuse_pull_request(words.calls(given.split(), TASKS), "pull_request", own)


def test_a_task_that_says_nothing_is_held_to_change_and_to_trust() -> None:
    @task()
    def new(_: Context) -> None:
        pass

    assert (new.changes, new.trusts) == (True, True)
