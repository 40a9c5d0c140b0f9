"""Runs the test and lint suites of components in parallel, and keeps each one's output together."""

import os
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

from tagship.checks.running import Result, Running
from tagship.project.schema import Suite
from tagship.system.parallel import together

Check = Callable[[Running], Result]
OURS = frozenset({
    "TAGSHIP_REGISTRY_USERNAME", "TAGSHIP_REGISTRY_PASSWORD", "TAGSHIP_KNOWN_HOSTS", "GITHUB_TOKEN", "SSH_AUTH_SOCK",
    "ACTIONS_RUNTIME_TOKEN",
    "SENTRY_AUTH_TOKEN", "TAGSHIP_SENTRY_DSN", "TAGSHIP_IDENTITY",
})  # fmt: skip


def run(suites: Mapping[str, Suite], folder: Path, say: Callable[[str], object], *more: Check) -> list[Result]:
    """Run all suites and further checks, even if some fail. Returns the results in this order.

    The output of a failed suite is printed as soon as it ends. An error or signal here ends the suites that still run.
    """
    running, one_at_a_time = Running(), threading.Lock()

    def one(check: Check) -> Result:
        result = check(running)
        if result.problem and not running.ended:
            with one_at_a_time:
                say(f"── {result.component}: {result.problem} ──\n{result.output.rstrip()}\n")
        return result

    try:
        own: list[Check] = [partial(_suite, name, suite, folder) for name, suite in suites.items()]
        return together(one, [*own, *more])
    except BaseException:
        running.end()
        raise


def _suite(component: str, suite: Suite, folder: Path, running: Running) -> Result:
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


def environment() -> dict[str, str]:
    """This process's environment without Tagship's credentials, which the app's tests don't need."""
    return {name: value for name, value in os.environ.items() if name not in OURS}


def _command(command: str, where: Path, running: Running) -> tuple[str, str]:
    """The command's output, and its problem."""
    try:
        code, printed = running.ran(shlex.split(command), where, environment())
    except OSError as error:
        return "", f"{command}: {error.strerror}"
    except ValueError as error:  # an unclosed quote
        return "", f"{command}: {error}"
    return printed, f"{command}: exit {code}" if code else ""


def _coverage(report: Path, minimum: float) -> tuple[float | None, str]:
    """The line rate of a Cobertura report, in percent, and its problem."""
    try:
        rate = round(float(ET.parse(report).getroot().attrib["line-rate"]) * 100, 6)  # noqa: S314 - written by the suite itself
    except FileNotFoundError:
        return None, f"it wrote no {report.name}"
    except (ET.ParseError, KeyError, ValueError):
        return None, f"{report.name} is not Cobertura XML"
    return rate, f"coverage {rate:.1f} % is below {minimum:g} %" if rate < minimum else ""
