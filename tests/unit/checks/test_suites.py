"""Runs components' test and lint suites side by side."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tagship.checks import suites
from tagship.checks.running import Result, Running
from tagship.errors import StoppedError
from tagship.project.schema import Suite
from tagship.system.signals import interruptible

COBERTURA = '<?xml version="1.0"?><coverage line-rate="{}"/>'


def suite(*commands: str, **settings: Any) -> Suite:  # noqa: ANN401 - as tagship.yml says it
    """A suite of these shell scripts, as tagship.yml says it."""
    return Suite.model_validate({"run": [f"sh -c '{command}'" for command in commands], **settings})


def run(folder: Path, **wanted: Suite) -> dict[str, Result]:
    """How each went."""
    return {result.component: result for result in suites.run(wanted, folder, lambda _: None)}


def covered(folder: Path, rate: str, minimum: float, report: str = COBERTURA) -> Result:
    """How a suite with that coverage went."""
    (folder / "written.xml").write_text(report.format(rate))
    wanted = suite("cp written.xml c.xml", coverage={"report": "c.xml", "minimum": minimum})
    return run(folder, one=wanted)["one"]


def test_each_command_runs_in_its_components_folder(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()

    result = run(tmp_path, backend=suite("pwd", "echo two", directory="backend"))["backend"]

    assert (result.output, result.problem) == (f"{tmp_path}/backend\ntwo\n", "")


def test_components_run_side_by_side(tmp_path: Path) -> None:
    meet = "touch {0}; i=0; until [ -e {1} ]; do i=$((i+1)); [ $i -lt 500 ] || exit 1; sleep 0.01; done"

    results = run(tmp_path, a=suite(meet.format("a", "b")), b=suite(meet.format("b", "a")))

    assert [result.problem for result in results.values()] == ["", ""]


def test_a_failure_stops_its_own_component_and_no_other(tmp_path: Path) -> None:
    results = run(tmp_path, bad=suite("echo why >&2; exit 3", "echo never"), good=suite("true"))

    assert results["bad"].problem.endswith(": exit 3")
    assert results["bad"].output == "why\n"
    assert results["good"].problem == ""
    assert list(results) == ["bad", "good"]


def test_a_failures_output_is_said_and_a_successes_is_not(tmp_path: Path) -> None:
    said: list[object] = []

    suites.run({"bad": suite("echo why; false"), "good": suite("echo fine")}, tmp_path, said.append)

    (text,) = said
    assert str(text).startswith("── bad: ")
    assert "why" in str(text)


@pytest.mark.parametrize("command", ["nothing-of-that-name", "./nothing"])
def test_a_program_that_is_not_there_is_named(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, one=Suite(run=(command,)))["one"].problem == f"{command}: No such file or directory"


def test_a_component_without_its_folder_says_which_is_missing(tmp_path: Path) -> None:
    assert "backend" in run(tmp_path, one=suite("true", directory="backend"))["one"].problem


def test_output_may_be_of_any_bytes(tmp_path: Path) -> None:
    assert run(tmp_path, one=suite("printf \\\\377"))["one"].problem == ""


def test_nobody_is_asked_for_input(tmp_path: Path) -> None:
    assert run(tmp_path, one=suite("read line || echo nobody"))["one"].output == "nobody\n"


@pytest.mark.parametrize(("rate", "minimum"), [("0.57", 57), ("0.29", 29), ("1", 100), ("0", 0), ("0.9", 89.9)])
def test_coverage_at_its_floor_is_enough(tmp_path: Path, rate: str, minimum: float) -> None:
    result = covered(tmp_path, rate, minimum)

    assert result.problem == ""
    assert result.coverage == pytest.approx(float(rate) * 100)


def test_coverage_below_its_floor_fails(tmp_path: Path) -> None:
    assert covered(tmp_path, "0.849", 85).problem == "coverage 84.9 % is below 85 %"


@pytest.mark.parametrize("report", ["", "<coverage/>", '<coverage line-rate="much"/>', "<html>"])
def test_a_report_that_is_no_cobertura_fails(tmp_path: Path, report: str) -> None:
    assert covered(tmp_path, "", 0, report).problem == "c.xml is not Cobertura XML"


def test_an_old_report_does_not_pass_for_this_runs(tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_text(COBERTURA.format(1))

    result = run(tmp_path, one=suite("true", coverage={"report": "c.xml", "minimum": 50}))["one"]

    assert result.problem == "it wrote no c.xml"


@pytest.mark.parametrize(
    ("result", "row"),
    [
        (Result("web", "", 1.26, "", 84.96), ("web", "passed", "1.3 s", "85.0 %")),
        (Result("web", "exit 1", 0, "x"), ("web", "exit 1", "0.0 s", "")),
    ],
)
def test_a_result_is_a_row_of_a_table(result: Result, row: tuple[str, ...]) -> None:
    assert result.row() == row


def test_a_suite_gets_the_environment_but_not_our_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    for name in suites.OURS:
        monkeypatch.setenv(name, "s3cr3t")

    said = run(tmp_path, one=suite("env"))["one"].output

    assert "DATABASE_URL=sqlite://\n" in said
    assert "s3cr3t" not in said


def test_a_suite_has_a_process_group_of_its_own_so_that_ctrl_c_reaches_tagship_alone(tmp_path: Path) -> None:
    asks = suite('python3 -c "import os; print(os.getpgrp())"')

    assert int(run(tmp_path, one=asks)["one"].output) != os.getpgrp()


def test_a_signal_ends_the_suites_and_has_its_own_exit_code(tmp_path: Path) -> None:
    suites_of = {"slow": suite("touch begun; exec sleep 60")}

    def stop() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    with pytest.raises(StoppedError, match="SIGTERM") as caught, interruptible():
        suites.run(suites_of, tmp_path, lambda _: None)

    assert caught.value.exit_code == 130
    left = [path for path in Path("/proc").glob("[0-9]*/cwd") if _same(path, tmp_path)]
    deadline = time.monotonic() + 5
    while left and time.monotonic() < deadline:
        left = [path for path in left if _same(path, tmp_path)]
    assert left == []


def test_nothing_is_said_of_a_suite_that_was_ended_because_of_another(tmp_path: Path) -> None:
    def ended(running: Running) -> Result:
        running.end()
        return Result("slow", "exit -15", 0, "")

    said: list[str] = []
    suites.run({}, tmp_path, said.append, ended)

    assert said == []


def _same(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:
        return False
