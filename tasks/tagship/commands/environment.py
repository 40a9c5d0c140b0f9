"""`env`: what a release runs with."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.status import refuse_unreadable
from tagship.commands.task import ENV, JSON, task
from tagship.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tagship.project.schema import Environment
    from tagship.variables.running import Variable, Variables

_UNKNOWN = "not recorded (deployed by an earlier version of Tagship)"
_LONGEST = 32
"""Characters of a value that a terminal shows without `--wide`."""


@task(
    changes=False,
    help={
        "env": ENV,
        "sha": "A past release, by the first digits of its commit. Default: the live one.",
        "changed": "Show only what changed since the release before.",
        "wide": "Show whole values, as it is without a terminal.",
        "json": JSON,
    },
)
def env(
    _: Context, env: str = "", sha: str = "", changed: bool = False, wide: bool = False, json: bool = False
) -> None:
    """Show the variables that a release runs with.

    Every variable of its services, what gave it (a file, a secret store, the Compose file), which services use it, and
    whether it changed since the release before. Values of secrets are never shown.
    """
    from tagship.project import here

    found = _read(here.config().environment(env), sha)
    if json:
        print(jsonlib.dumps(asdict(found)))
        return
    shown = [each for each in found.variables if each.change or not changed]
    print(f"{found.release}, compared to {found.before}" if found.before else f"{found.release}, the first known one")
    for origin in dict.fromkeys(each.origin for each in shown):
        print(f"\n{origin or _UNKNOWN}:")
        print(_table([each for each in shown if each.origin == origin], wide=wide))
    if not shown:
        print("Nothing changed." if found.variables else "Its services have no variables.")


def _read(settings: Environment, sha: str) -> Variables:
    """Read a release's record, and that of the release before. Raises CheckError, ConfigError, SourceError."""
    from tagship.deploy.rollback import choose_rollback, release_before
    from tagship.server import connection
    from tagship.server.observe import Reader
    from tagship.variables import running

    with connection.connect(settings) as opening:
        session = opening.session()
        with session.files() as files:
            if files is None:
                refuse_unreadable(session)
            reader = Reader(session.engine, files, session.place)
            observed = reader.observe()
            name = choose_rollback(observed, sha)[0] if sha else observed.live
            before = release_before(observed, name)
            record, former = reader.release(name), reader.release(before)
    if record is None:
        problem = f"There is no record of {name}." if name else f"Nothing was deployed to {settings.name} yet."
        raise SourceError(problem, hint="deploy a commit")
    return running.of(settings, observed.key, (name, record), (before, former))


def _table(variables: Sequence[Variable], *, wide: bool) -> str:
    from tagship.reporting import table

    short = not wide and table.shortens()
    rows = [(each.name, each.change, ", ".join(each.services), _value(each, short=short)) for each in variables]
    return table.table(rows, ("name", "change", "used by", "value"), drop=("used by",))


def _value(variable: Variable, *, short: bool) -> str:
    if variable.secret:
        return "hidden"
    text = _quoted(variable.value)
    if variable.before not in {None, variable.value}:
        text = f"{text} (was {_quoted(variable.before)})".strip()
    return f"{text[:_LONGEST]}…" if short and len(text) > _LONGEST + 1 else text


def _quoted(value: str | None) -> str:
    """A value in one line; two quotes for an empty one."""
    from tagship.reporting import loglines

    return "" if value is None else loglines.harmless(" ".join(value.splitlines()), color=False) or '""'
