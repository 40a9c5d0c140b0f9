"""Runs components' test and lint suites side by side, each one's output kept together."""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tagship.config import Suite

OURS = frozenset({
    "TAGSHIP_REGISTRY_USERNAME", "TAGSHIP_REGISTRY_PASSWORD", "TAGSHIP_KNOWN_HOSTS", "GITHUB_TOKEN", "SSH_AUTH_SOCK",
    "SENTRY_AUTH_TOKEN", "TAGSHIP_SENTRY_DSN",
})  # fmt: skip


@dataclass(frozen=True)
class Result:
    """How one component's suite went. `problem` is empty when it passed."""

    component: str
    problem: str
    seconds: float
    output: str
    coverage: float | None = None

    def row(self) -> tuple[str, str, str, str]:
        """For a table: component, result, time, coverage."""
        covered = "" if self.coverage is None else f"{self.coverage:.1f} %"
        return self.component, self.problem or "passed", f"{self.seconds:.1f} s", covered


def run(suites: Mapping[str, Suite], folder: Path, say: Callable[[str], object]) -> list[Result]:
    """Run all, whatever fails. A failed one's output is said as soon as it ends. Results in the file's order."""
    with ThreadPoolExecutor(len(suites)) as threads:
        running = [threads.submit(_suite, name, suite, folder) for name, suite in suites.items()]
        for done in as_completed(running):
            result = done.result()
            if result.problem:
                say(f"── {result.component}: {result.problem} ──\n{result.output.rstrip()}\n")
        return [each.result() for each in running]


def _suite(component: str, suite: Suite, folder: Path) -> Result:
    began = time.monotonic()
    where = folder / suite.directory
    output, problem = "", ""
    report = where / suite.coverage.report if suite.coverage else None
    if report:
        report.unlink(missing_ok=True)  # an old report must not pass for this run's
    if not where.is_dir():
        return Result(component, f"there is no folder {suite.directory}", 0, "")
    for command in suite.run:
        said, problem = _command(command, where)
        output += said
        if problem:
            break
    coverage = None
    if report and suite.coverage and not problem:
        coverage, problem = _coverage(report, suite.coverage.minimum)
    return Result(component, problem, time.monotonic() - began, output, coverage)


def _environment() -> dict[str, str]:
    """This process's environment without our credentials: they are not the application's tests' business."""
    return {name: value for name, value in os.environ.items() if name not in OURS}


def _command(command: str, where: Path) -> tuple[str, str]:
    """What it printed, and what is wrong."""
    try:
        done = subprocess.run(
            shlex.split(command), cwd=where, env=_environment(), stdin=subprocess.DEVNULL, text=True,
            errors="backslashreplace", check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        return "", f"{command}: {error.strerror}"
    except ValueError as error:  # quotes that don't close
        return "", f"{command}: {error}"
    return done.stdout, f"{command}: exit {done.returncode}" if done.returncode else ""


def _coverage(report: Path, minimum: float) -> tuple[float | None, str]:
    """The line rate of a Cobertura report, in percent, and what is wrong with it."""
    try:
        rate = round(float(ET.parse(report).getroot().attrib["line-rate"]) * 100, 6)  # noqa: S314 - written by the suite itself
    except FileNotFoundError:
        return None, f"it wrote no {report.name}"
    except (ET.ParseError, KeyError, ValueError):
        return None, f"{report.name} is not Cobertura XML"
    return rate, f"coverage {rate:.1f} % is below {minimum:g} %" if rate < minimum else ""
