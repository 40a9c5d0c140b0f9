"""`accessories.diff`, `accessories.restart` and `accessories.logs`: accessories as they run."""

from __future__ import annotations

import json as jsonlib
import sys

from invoke.context import Context

from tagship.commands.logs import OPTIONS
from tagship.commands.task import ENV, JSON, task
from tagship.errors import CheckError, UsageError


@task(changes=False, help={"env": ENV, "json": JSON})
def diff(_: Context, env: str = "", json: bool = False) -> None:
    """Compare the accessories with the Compose file.

    Names what differs, never values. `accessories.up` creates those that are missing, `accessories.recreate` replaces
    one by what the file says.
    """
    from tagship.commands.accessories import opened
    from tagship.reporting.progress import Progress
    from tagship.server import accessories

    with opened(env, Progress(quiet=json)) as (session, resolved):
        differ = accessories.compare(session, resolved)
        there = {c.service for c in accessories.status(session)}
    wanted = list(resolved.model["services"])
    missing, dropped = [n for n in wanted if n not in there], sorted(there - set(wanted))
    if json:
        print(jsonlib.dumps({"differ": differ, "missing": missing, "dropped": dropped}))
        return
    lines = [f"{name} differs: {', '.join(what)}" for name, what in differ.items()]
    lines += [f"{name} isn't created yet" for name in missing]
    lines += [f"{name} runs, but tagship.yml doesn't name it as an accessory any more" for name in dropped]
    print("\n".join(lines) or "All accessories match the Compose file.")


@task(
    help={
        "env": ENV,
        "name": "Name of the accessory; required.",
        "yes": "Don't ask for confirmation, e.g. in scripts.",
        "dry-run": "Print what would restart, and restart nothing.",
    }
)
def restart(_: Context, env: str = "", name: str = "", yes: bool = False, dry_run: bool = False) -> None:
    """Restart an accessory, and wait until it is ready.

    It stays the same container, with its volumes, whatever the Compose file says now. Requests to it wait or fail
    meanwhile.
    """
    from tagship.project import here
    from tagship.reporting.progress import Progress
    from tagship.server import accessories, connection, lock, present

    if not name:
        raise UsageError("accessories.restart needs an accessory.", hint="give --name NAME")
    with Progress() as progress, connection.connect(here.config().environment(env)) as opening:
        session = opening.session()
        found = present.look(session)
        these = found.chosen(found.place.accessories, [name])
        if dry_run:
            print("\n".join(f"restart  {c.name}" for c in these))
            return
        _confirm(env, name, yes=yes)
        with progress.step(f"Restart {name} and wait until ready"):
            accessories.restart(session, these, lock.holder("accessories.restart"))
    print(f"{name} is running.")


@task(changes=False, help={"env": ENV, "name": "Accessories, e.g. `db,cache`. Default: all.", **OPTIONS})
def logs(  # noqa: PLR0913 - one parameter for each option
    _: Context,
    env: str = "",
    name: str = "",
    follow: bool = False,
    since: str = "",
    tail: str = "",
    grep: str = "",
    raw: bool = False,
    json: bool = False,
) -> None:
    """Show what the accessories print, merged by time.

    The options are those of `logs`, which shows services and accessories together.
    """
    from tagship.commands import showing
    from tagship.project import here
    from tagship.server import connection, present

    how, wanted = showing.Display(raw=raw, json=json), showing.wanted(since, tail, grep)
    names = [each for each in name.split(",") if each]
    with connection.connect(here.config().environment(env)) as opening:
        session = opening.session()
        found = present.look(session)
        chosen = found.chosen(found.place.accessories, names or {c.service for c in found.of(found.place.accessories)})
        if not chosen:
            raise CheckError(f"No accessory exists in {env}.", hint=f"start them: tagship accessories.up --env {env}")
        which = wanted(session.engine.now())
        showing.show(session, chosen, which, how, names if follow else None, accessories=True)


def _confirm(env: str, name: str, *, yes: bool) -> None:
    """Ask for confirmation. Raises CheckError without it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CheckError(f"Nobody confirmed that {name} may be restarted.", hint="pass --yes")
    print(f"{name} of {env} will be stopped and started again. Requests to it wait or fail meanwhile.")
    if input(f"Type {name} to continue: ").strip() != name:
        raise CheckError(f"{name} was not confirmed.", hint="type its name to confirm; nothing was changed")
