"""Runs the test and lint suites of components in parallel, and keeps each one's output together."""

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tagship.project.schema import Suite
from tagship.system.parallel import together

OURS = frozenset({
    "TAGSHIP_REGISTRY_USERNAME", "TAGSHIP_REGISTRY_PASSWORD", "TAGSHIP_KNOWN_HOSTS", "GITHUB_TOKEN", "SSH_AUTH_SOCK",
    "SENTRY_AUTH_TOKEN", "TAGSHIP_SENTRY_DSN", "TAGSHIP_IDENTITY",
})  # fmt: skip


@dataclass(frozen=True)
class Result:
    """The result of one component's suite. `problem` is empty if it passed."""

    component: str
    problem: str
    seconds: float
    output: str
    coverage: float | None = None

    def row(self) -> tuple[str, str, str, str]:
        """A table row: component, result, time, coverage."""
        covered = "" if self.coverage is None else f"{self.coverage:.1f} %"
        return self.component, self.problem or "passed", f"{self.seconds:.1f} s", covered


def run(suites: Mapping[str, Suite], folder: Path, say: Callable[[str], object]) -> list[Result]:
    """Run all suites, even if some fail. Returns the results in the file's order.

    The output of a failed suite is printed as soon as it ends. An error or signal here ends the suites that still run.
    """
    running, one_at_a_time = _Running(), threading.Lock()

    def one(item: tuple[str, Suite]) -> Result:
        result = _suite(*item, folder, running)
        if result.problem:
            with one_at_a_time:
                say(f"── {result.component}: {result.problem} ──\n{result.output.rstrip()}\n")
        return result

    try:
        return together(one, suites.items())
    except BaseException:
        running.end()
        raise


class _Running:
    """The programs that are running."""

    def __init__(self) -> None:
        self._programs: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def output(self, process: subprocess.Popen[str]) -> str:
        """The output of a program, read until it ends."""
        with process:
            with self._lock:
                self._programs.add(process)
                if self._ended:
                    process.terminate()
            printed, _ = process.communicate()
        with self._lock:
            self._programs.discard(process)
        return printed

    def end(self) -> None:
        """End all programs, and those that start later."""
        with self._lock:
            self._ended = True
            for process in self._programs:
                process.terminate()


def _suite(component: str, suite: Suite, folder: Path, running: _Running) -> Result:
    began = time.monotonic()
    where = folder / suite.directory
    output, problem = "", ""
    report = where / suite.coverage.report if suite.coverage else None
    if report:
        report.unlink(missing_ok=True)  # an old report must not count for this run
    if not where.is_dir():
        return Result(component, f"there is no folder {suite.directory}", 0, "")
    for command in suite.run:
        printed, problem = _command(command, where, running)
        output += printed
        if problem:
            break
    coverage = None
    if report and suite.coverage and not problem:
        coverage, problem = _coverage(report, suite.coverage.minimum)
    return Result(component, problem, time.monotonic() - began, output, coverage)


def _environment() -> dict[str, str]:
    """This process's environment without Tagship's credentials, which the app's tests don't need."""
    return {name: value for name, value in os.environ.items() if name not in OURS}


def _command(command: str, where: Path, running: _Running) -> tuple[str, str]:
    """The command's output, and its problem."""
    try:
        process = subprocess.Popen(
            shlex.split(command), cwd=where, env=_environment(), stdin=subprocess.DEVNULL, text=True,
            errors="backslashreplace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        return "", f"{command}: {error.strerror}"
    except ValueError as error:  # an unclosed quote
        return "", f"{command}: {error}"
    printed = running.output(process)
    return printed, f"{command}: exit {process.returncode}" if process.returncode else ""


def _coverage(report: Path, minimum: float) -> tuple[float | None, str]:
    """The line rate of a Cobertura report, in percent, and its problem."""
    try:
        rate = round(float(ET.parse(report).getroot().attrib["line-rate"]) * 100, 6)  # noqa: S314 - written by the suite itself
    except FileNotFoundError:
        return None, f"it wrote no {report.name}"
    except (ET.ParseError, KeyError, ValueError):
        return None, f"{report.name} is not Cobertura XML"
    return rate, f"coverage {rate:.1f} % is below {minimum:g} %" if rate < minimum else ""
