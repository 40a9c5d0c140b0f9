"""What holds for every task."""

import copy
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from invoke.parser.argument import Argument

from tagship import JOURNEY, cli, namespace
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


def test_every_task_has_one_place_on_the_journey() -> None:
    assert sorted(name for names in JOURNEY.values() for name in names) == sorted(TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_does_is_one_line_of_any_list(name: str) -> None:
    assert len((TASKS[name].__doc__ or "").splitlines()[0]) <= 54


@pytest.mark.parametrize("argv", [[], ["--list"]], ids=str)
def test_the_screen_leads_from_start_to_server_a_line_a_task(run: Run, argv: list[str]) -> None:
    ran = run(*argv)

    lines = ran.out.splitlines()
    assert [line for line in lines if line in JOURNEY] == list(JOURNEY)
    named = [line.split()[0] for line in lines if line.startswith("  ")]
    assert named == [name for names in JOURNEY.values() for name in names]
    assert max(map(len, lines)) <= 80
    assert ran.code == 0


def test_the_screen_of_a_narrow_terminal_goes_on_below(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    assert max(map(len, run().out.splitlines())) <= 60


@pytest.mark.parametrize("name", list(OPTIONS))
def test_a_tasks_help_fits_60_columns(name: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    said = run(name, "--help").out

    assert [line for line in said.splitlines() if len(line) > 60] == []


def test_invokes_own_help_fits_60_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    assert [line for line in run("--help").out.splitlines() if len(line) > 60] == []


def test_an_error_in_a_narrow_terminal_goes_on_below_itself(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert run("rollback", "staging").err.splitlines() == [
        "rollback takes no positional argument, and staging isn't a",
        "  task.",
        "  hint: write tagship rollback --env staging",
    ]


def test_invokes_own_options_are_below_the_tasks_and_only_under_help(run: Run) -> None:
    assert "--prompt-for-sudo-password" not in run().out
    assert "--prompt-for-sudo-password" in run("--help").out.partition("lock.release")[2]


def test_the_tasks_of_one_collection_are_listed_alone(run: Run) -> None:
    said = run("--list", "accessories").out

    assert ".recreate" in said
    assert "deploy " not in said


def test_who_reads_a_few_lines_of_the_screen_sees_no_traceback() -> None:
    code = "from tagship.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shown:
        assert shown.stdout
        assert shown.stderr
        shown.stdout.close()

        assert shown.stderr.read() == ""


TYPED = [sys.executable, "-c", "from tagship.cli import main; main()"]


@pytest.mark.parametrize("argument", ["--list", "--version"])
def test_a_full_disk_is_told_without_a_traceback(argument: str) -> None:
    with Path("/dev/full").open("w") as full:
        shown = subprocess.run([*TYPED, argument], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert shown.returncode == 1
    assert shown.stderr.startswith("Nothing more can be written: No space left on device.\n  hint: ")
    assert len(shown.stderr.splitlines()) == 2


def test_a_terminal_that_knows_only_ascii_is_shown_escapes() -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    shown = subprocess.run([*TYPED, "--help"], env=plain, capture_output=True, text=True, check=False)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u2026" in shown.stdout


@pytest.mark.parametrize("task", ["status", "init"])
def test_a_folder_that_was_deleted_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.delenv("TAGSHIP_CONFIG", raising=False)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    ran = run(task)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "The current folder was deleted.\n  hint: change to one that exists\n"


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
        (
            ["deploy", "-e", "staging"],
            "-e isn't an option of Tagship; --env is, after a task.\n  hint: write tagship deploy --env staging",
        ),
        (
            ["rollback", "qa"],
            "rollback takes no positional argument, and qa isn't a task.\n  hint: write tagship rollback --env qa",
        ),
        (["deploy", "deply"], "There is no task 'deply'.\n  hint: did you mean deploy?"),
        (["deploy", "--env", "x", "--env", "y"], "--env is given twice.\n  hint: give it once"),
        (["deploy", "--env=x", "--env", "y"], "--env is given twice."),
        (["-e", "staging"], "hint: write tagship TASK --env staging"),
        (["db"], "db is a group of tasks.\n  hint: run one of: db.shell\n"),
        (["lock", "--help"], "lock is a group of tasks.\n  hint: run one of: lock.release, lock.status\n"),
        (["--help", "lock"], "lock is a group of tasks."),
        (["--help", "deply"], "There is no task 'deply'.\n  hint: did you mean deploy?"),
        (["--list", "--bogus"], "There is no group of tasks '--bogus'.\n  hint: see tagship --list"),
        (["--list", "backups"], "There is no group of tasks 'backups'.\n  hint: did you mean backup?"),
        (["--list-depth", "x", "--list"], "An option expects a number, not 'x'.\n  hint: see tagship --help"),
        (["--command-timeout"], "--command-timeout needs a value.\n  hint: see tagship --help"),
        (["--list", "--list-format=json", "--list-depth=2"], "is not supported with JSON format.\n"),
        (["deploy", "--env"], "--env needs a value.\n  hint: see tagship deploy --help"),
        (["deploy", "--evn", "staging"], "deploy has no option --evn.\n  hint: did you mean --env?"),
        (["deploy", "--dryrun"], "deploy has no option --dryrun.\n  hint: did you mean --dry-run?"),
        (["deploy", "--qqq"], "deploy has no option --qqq.\n  hint: see tagship deploy --help"),
        (["--evn", "deploy"], "There is no option --evn before a task.\n  hint: see tagship --help"),
        (["-z", "deploy"], "There is no option -z before a task.\n  hint: see tagship --help"),
        (
            ["--env", "staging", "deploy"],
            "There is no option --env before a task.\n  hint: write tagship deploy --env staging",
        ),
        (["--dry-run", "deploy"], "hint: write tagship deploy --dry-run\n"),
        (["deploy", "--env"], "needs a value"),
        (
            ["history", "--env", "staging", "--limit", "x"],
            "--limit expects a number, not 'x'.\n  hint: see tagship history --help",
        ),
        (["ps", "--env=x", "history", "--limit=x"], "hint: see tagship history --help"),
        (["deploy", "--env", "x", "--wait=x"], "--wait expects a number, not 'x'"),
        (["history", "--env", "staging", "--limit", "-1"], "--limit -1 is negative"),
        (["-R", "deploy", "--env", "staging"], "-R works only for shell commands"),
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


def test_a_standard_stream_that_is_closed_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)

    cli.stand_in()

    streams = sys.stdin, sys.stdout, sys.stderr
    assert [stream.isatty() for stream in streams] == [False, False, False]
    assert (sys.stdin.read(), sys.stdout.write("x")) == ("", 1)
    for stream in streams:
        stream.close()


@pytest.mark.usefixtures("app")
def test_a_question_that_gets_no_answer_ends_the_task_with_a_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object) -> None:
        raise EOFError

    monkeypatch.setattr("tagship.checks.smoke.run", ask)

    ran = run("smoke-test", "--env", "staging")

    assert (ran.code, "The question got no answer." in ran.err) == (9, True), ran.err
