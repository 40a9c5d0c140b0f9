"""`test` and `lint`: the suites of every component, in parallel."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import task
from tagship.errors import ConfigError, SuiteError

_ONLY = "Run only this component. Default: all."

if TYPE_CHECKING:
    from tagship.project.schema import Config, Suite


@task(changes=False, trusts=False, help={"component": _ONLY})
def test(_: Context, component: str = "") -> None:  # noqa: PT028 - a task named test, not pytest's
    """Run the tests of all components in parallel.

    Fails if coverage is below its minimum, too.
    """
    from tagship.project import here

    _run("test", here.config().test, component)


@task(changes=False, trusts=False, help={"component": _ONLY})
def lint(_: Context, component: str = "") -> None:
    """Run the linters of all components in parallel."""
    from tagship.project import here

    _run("lint", here.config().lint, component)


def run_all(config: Config) -> None:
    """Run the tests, then lint, for `ship`. Raises SuiteError after the first that fails."""
    for kind, wanted in (("test", config.test), ("lint", config.lint)):
        if wanted:
            _run(kind, wanted, "")


def _run(kind: str, wanted: dict[str, Suite], component: str) -> None:
    from tagship.checks import suites
    from tagship.project import here
    from tagship.reporting import events
    from tagship.reporting.table import table

    if component and component not in wanted:
        raise ConfigError(f"tagship.yml has no {kind} for {component!r}.", hint=f"use one of: {', '.join(wanted)}")
    chosen = {component: wanted[component]} if component else wanted
    if not chosen:
        print(f"tagship.yml has no {kind} suites.")
        return
    results = suites.run(chosen, here.folder(), print)
    for result in results:
        events.tell("suite", suite=kind, directory=chosen[result.component].directory, **asdict(result))
    print(table([result.row() for result in results], head=(kind, "result", "time", "coverage")))
    failed = [result.component for result in results if result.problem]
    if failed:
        raise SuiteError(f"{kind} failed: {', '.join(failed)}.", hint="read their output above")
