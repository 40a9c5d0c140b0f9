"""What holds for every task."""

import copy
import os
import re
import signal
import time
from pathlib import Path

import pytest
from invoke.parser.argument import Argument

from tagship import namespace
from tests.unit.commands.conftest import Run

# Invoke forgets a task's help once it was asked for it: ask a copy
TASKS = {name: copy.deepcopy(namespace[name]) for name in namespace.task_names}
OPTIONS: dict[str, list[Argument]] = {name: task.get_arguments() for name, task in TASKS.items()}
CHANGING = [name for name in namespace.task_names if namespace[name].changes]
RELEASING = ["deploy", "rollback", "migrate", "ship"]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_says_what_it_does_and_what_its_options_mean(name: str) -> None:
    assert TASKS[name].__doc__
    assert [option.name for option in OPTIONS[name] if not option.help] == []


@pytest.mark.parametrize("name", TASKS)
def test_options_are_spelt_out(name: str) -> None:
    assert [option.name for option in OPTIONS[name] if min(map(len, option.names)) < 2] == []


@pytest.mark.parametrize("name", CHANGING)
def test_what_changes_anything_can_be_tried_without(name: str) -> None:
    assert "dry_run" in {option.name for option in OPTIONS[name]}


@pytest.mark.parametrize("name", ["status", "history", "lock.status", "accessories.status", *RELEASING])
def test_what_reports_can_report_json(name: str) -> None:
    assert "json" in {option.name for option in OPTIONS[name]}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "argv", [["deploy", "--env", "stagign"], ["smoke-test", "--env=--"], ["history", "--env", "x"]]
)
def test_a_mistake_is_told_without_a_traceback_and_with_what_to_do(run: Run, argv: list[str]) -> None:
    ran = run(*argv)

    assert ran.code == 2
    assert "tagship.yml has no environment" in ran.err
    assert "hint: " in ran.err
    assert "Traceback" not in ran.err


def test_without_a_configuration_it_says_where_to_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    ran = run("status")

    assert ran.code == 2
    assert re.search(r"There is no .*tagship\.yml here", ran.err)


@pytest.mark.usefixtures("app")
def test_a_commit_that_is_none_is_refused_before_anything_is_connected_to(run: Run) -> None:
    ran = run("deploy", "--env", "production", "--sha=--foo")

    assert (ran.code, ran.out) == (4, "")
    assert "'--foo' is not a commit's SHA" in ran.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["deply", "--env", "staging"], "There is no task 'deply'.\n  hint: did you mean deploy?"),
        (["accessories.pu"], "There is no task 'accessories.pu'.\n  hint: did you mean accessories.up?"),
        (["deploy", "--evn", "staging"], "deploy has no option --evn.\n  hint: did you mean --env?"),
        (["deploy", "--dryrun"], "deploy has no option --dryrun.\n  hint: did you mean --dry-run?"),
        (["deploy", "--qqq"], "deploy has no option --qqq.\n  hint: see tagship deploy --help"),
        (["--evn", "deploy"], "There is no option --evn before a task.\n  hint: see tagship --help"),
        (["deploy", "--env"], "needed value"),
        (["history", "--env", "staging", "--limit", "x"], "An option wants a number: "),
        (["history", "--env", "staging", "--limit", "-1"], "--limit -1 is no number of entries"),
        (["-R", "deploy", "--env", "staging"], "-R shows nothing in advance"),
    ],
)
def test_a_word_that_is_not_known_is_told_with_the_nearest_one(run: Run, argv: list[str], said: str) -> None:
    ran = run(*argv)

    assert said in ran.err
    assert ran.code == 64


@pytest.mark.usefixtures("app")
def test_a_signal_in_any_task_ends_it_with_a_line_and_a_code_of_its_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    monkeypatch.setattr("tagship.checks.smoke.run", stop)

    ran = run("smoke-test", "--env", "staging")

    assert (ran.code, ran.err.splitlines()[-1]) == (130, "Stopped by SIGINT.")
