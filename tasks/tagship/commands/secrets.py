"""`secrets.*`: what an environment's secrets lack, where they come from, and how they are changed."""

from __future__ import annotations

import json as jsonlib
import textwrap
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import ENV, JSON, task
from tagship.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tagship.project.schema import Config, Environment


@task(changes=False, help={"env": ENV, "json": JSON})
def check(_: Context, env: str = "", json: bool = False) -> None:
    """Find what is wrong with variables and secrets.

    Reads the work tree's Compose file and asks all stores. Reports what is missing, empty, still an example's, or given
    twice with different values; a deploy refuses the same. Reports what is older than `rotate-after`, too.
    """
    from tagship.variables import check as checking
    from tagship.variables.survey import survey

    config, settings, folder = environment(env)
    found = survey(config, settings, folder)
    refused = [problem for problem in found.problems if problem.refuses]
    names, stored = len(found.running.needed.keys() | found.building.needed), len(found.secrets)
    if json:
        problems = [{"what": p.what, "names": p.names, "text": p.text, "refuses": p.refuses} for p in found.problems]
        print(jsonlib.dumps({"environment": env, "problems": problems}))
    else:
        say(f"{'refused' if problem.refuses else 'note'}: {problem.text}" for problem in found.problems)
        if not refused:
            print(f"{env} has every value that the Compose file needs: {names} names, {stored} of them secrets.")
    if refused:
        many = "one problem" if len(refused) == 1 else f"{len(refused)} problems"
        raise ConfigError(f"{env} has {many}.", hint=checking.hint(refused, settings))


@task(changes=False, help={"env": ENV, "json": JSON})
def listing(_: Context, env: str = "", json: bool = False) -> None:
    """List an environment's secrets, without their values.

    Shows where each comes from, its version and age, as far as its store knows, and what uses it.
    """
    from tagship.reporting import table
    from tagship.variables.survey import survey

    config, settings, folder = environment(env)
    found = survey(config, settings, folder)
    rows = found.rows()
    if json:
        print(jsonlib.dumps({"environment": env, "secrets": [row.as_json() for row in rows]}))
        return
    for origin in dict.fromkeys(row.origin for row in rows):
        print(origin or "nowhere, and so without a value")
        cells = [(row.name, row.short, row.age, ", ".join(row.users)) for row in rows if row.origin == origin]
        print(textwrap.indent(table.table(cells, ("name", "version", "age", "used by"), margin=2), "  "), end="\n\n")
    if not rows:
        print(f"The Compose file of {env} needs no secret.")
    say(f"note: {problem.text}" for problem in found.problems if problem.what == "old")


@task(changes=False, positional=["env", "other"], help={"env": "An environment.", "other": "Another.", "json": JSON})
def diff(_: Context, env: str, other: str, json: bool = False) -> None:
    """Compare the secrets of two environments.

    Says which are the same, different, or only in one of them. Compares hashes with a key of this run, and shows none.
    """
    import os

    from tagship.reporting.table import table
    from tagship.variables.survey import compared, survey

    first, second = (survey(*environment(name)) for name in (env, other))
    found = compared(first, second, (env, other), os.urandom(32))
    if json:
        print(jsonlib.dumps(found))
    elif found:
        print(table(list(found.items()), head=("name", f"{env} and {other}")))
    else:
        print(f"Neither {env} nor {other} needs a secret.")


def environment(env: str) -> tuple[Config, Environment, Path]:
    """The configuration, one of its environments, and the project's folder. Raises ConfigError."""
    from tagship.project import here

    config = here.config()
    return config, config.environment(env), here.folder()


def say(lines: Iterable[str]) -> None:
    """Print lines, wrapped to the terminal."""
    from tagship.reporting import table

    for line in lines:
        print("\n".join(table.fold(line, table.width(), "  ")))
