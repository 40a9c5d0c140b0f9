"""`test` and `lint`: the suites of every component, in parallel."""

from __future__ import annotations

import json as jsonlib
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import JSON, task
from tagship.errors import ConfigError, SuiteError

_ONLY = "Run only this component. Default: all."

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tagship.checks.suites import Check
    from tagship.project.schema import Config, SecretScan, Suite


@task(changes=False, trusts=False, help={"component": _ONLY, "json": JSON})
def test(_: Context, component: str = "", json: bool = False) -> None:  # noqa: PT028 - a task named test, not pytest's
    """Run the tests of all components in parallel.

    Fails if coverage is below its minimum, too.
    """
    from tagship.project import here

    _run("test", here.config().test, component, json=json)


@task(changes=False, trusts=False, help={"component": _ONLY, "json": JSON})
def lint(_: Context, component: str = "", json: bool = False) -> None:
    """Run the linters of all components in parallel.

    Searches the repository's history for committed secrets, too, if kingfisher is installed: component `secrets`.
    """
    from tagship.project import here

    config = here.config()
    _run("lint", config.lint, component, config.secret_scan, json=json)


def run_all(config: Config) -> None:
    """Run the tests, then lint, for `ship`. Raises SuiteError after the first that fails."""
    if config.test:
        _run("test", config.test, "")
    if config.lint:
        _run("lint", config.lint, "", config.secret_scan)


def _run(
    kind: str, wanted: dict[str, Suite], component: str, scan: SecretScan | None = None, *, json: bool = False
) -> None:
    from tagship.checks import suites
    from tagship.project import here
    from tagship.reporting import events
    from tagship.reporting.table import table

    built_in = {} if scan is None else _built_in(scan, wanted, component)
    known = [*wanted, *built_in]
    if component and component not in known:
        raise ConfigError(
            f"tagship.yml has no {kind} for {component!r}.",
            hint=f"use one of: {', '.join(known)}" if known else f"add `{kind}` to it",
        )
    chosen = {name: suite for name, suite in wanted.items() if component in {"", name}}
    more = [check for name, check in built_in.items() if component in {"", name}]
    if not chosen and not more:
        print("[]" if json else f"tagship.yml has no {kind} suites.")
        return
    say = partial(print, file=sys.stderr) if json else print
    results = suites.run(chosen, here.folder(), say, *more)
    for result in results:
        directory = chosen[result.component].directory if result.component in chosen else "."
        events.tell("suite", suite=kind, directory=directory, **asdict(result))
    if json:
        print(jsonlib.dumps([asdict(result) for result in results]))
    else:
        print(table([result.row() for result in results], head=(kind, "result", "time", "coverage")))
    failed = [result.component for result in results if result.problem]
    if failed:
        raise SuiteError(f"{kind} failed: {', '.join(failed)}.", hint="read their output above")


def _built_in(scan: SecretScan, own: Mapping[str, Suite], asked: str) -> dict[str, Check]:
    """Tagship's own linters that apply here; a component of tagship.yml with the same name replaces one."""
    from tagship.checks import committed
    from tagship.project import here
    from tagship.source import git

    if scan.when == "never" or committed.COMPONENT in own:
        return {}
    if scan.when == "auto" and asked != committed.COMPONENT and not (committed.program() and git.head(here.folder())):
        return {}
    return {committed.COMPONENT: partial(committed.search, scan, here.folder())}
