"""`remove` and `prune`: take an application off a server, or what its releases no longer need."""

from __future__ import annotations

import json as jsonlib
import sys
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import DRY_RUN, ENV, JSON, WAIT, task
from tagship.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tagship.deploy.removal import Remains, Step
    from tagship.names import Place
    from tagship.reporting.progress import Progress
    from tagship.server.lease import Lease
    from tagship.server.session import Session


@task(
    help={
        "env": ENV,
        "volumes": "Also delete its volumes, with the database and all other data in them.",
        "confirm": "The name APP-ENV, to confirm in scripts what is otherwise asked.",
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "json": JSON,
    }
)
def remove(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    volumes: bool = False,
    confirm: str = "",
    dry_run: bool = False,
    wait: int = 0,
    json: bool = False,
) -> None:
    """Remove an application from an environment's server.

    Its containers, accessories, routes, networks, images and records. Volumes stay, unless you pass --volumes. Other
    applications serve on. If it is killed, run it again.
    """
    from tagship.deploy.removal import plan_removal
    from tagship.project import here
    from tagship.reporting import table
    from tagship.reporting.progress import Progress
    from tagship.server import connection, lock, removal
    from tagship.server.lease import Lease

    settings = here.config().environment(env)
    progress = Progress(quiet=json)
    with progress, connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        with session.files() as edge:
            found = removal.observe(session, edge)
        plan = plan_removal(found, volumes=volumes)
        if not json:
            _show(found, plan, settings.engine, volumes=volumes)
        elif dry_run:
            print_json(found, plan, volumes=volumes, dry_run=True)
        if dry_run:
            return
        _confirm(session.place, confirm, settings.engine, volumes=volumes)
        with Lease(session.engine, session.place, lock.holder(f"remove {env}"), wait=wait) as lease:
            found, done = take_away(session, lease, progress, volumes=volumes)
    if json:
        print_json(found, done, volumes=volumes, dry_run=False)
    else:
        print(f"{session.place} is gone from {settings.engine}." if done else f"Nothing of {session.place} was there.")
        for line in removal.staying(session):
            print(table.folded(line))


def take_away(session: Session, lease: Lease, progress: Progress, *, volumes: bool) -> tuple[Remains, list[Step]]:
    """Remove all of an environment. Returns what was there, and what was done. Raises CheckError."""
    from tagship.backups import leftovers
    from tagship.deploy.removal import findings, plan_removal
    from tagship.server import removal
    from tagship.system.signals import interruptible

    done: list[Step] = []
    with interruptible():
        leftovers.sweep(session.engine, session.place)
        removal.ensure_edge(session)
        with session.files() as edge:
            found = removal.observe(session, edge)
            if problems := list(findings(found)):
                raise CheckError("\n".join(problems), hint="wait for it, or stop it, then remove again")
            for step in plan_removal(found, volumes=volumes):
                with progress.step(str(step)):
                    removal.perform(step, session, edge, lease)
                done.append(step)
    return found, done


def _show(found: Remains, plan: tuple[Step, ...], where: str, *, volumes: bool) -> None:
    print(f"{found.place} on {where}: {'remove all of it' if plan else 'nothing is there'}")
    for number, step in enumerate(plan, 1):
        print(f"{number:3}. {step}")
    _say_left(found, volumes=volumes)
    sys.stdout.flush()


def _say_left(found: Remains, *, volumes: bool) -> None:
    from tagship.deploy.removal import left

    for line in left(found, volumes=volumes):
        print(line)


def print_json(found: Remains, steps: Sequence[Step], *, volumes: bool, dry_run: bool) -> None:
    """Print what went, or would go."""
    from tagship.deploy.removal import left

    told = {"place": found.place, "steps": [str(step) for step in steps], "dry_run": dry_run}
    print(jsonlib.dumps({**told, "left": list(left(found, volumes=volumes))}))


def _confirm(place: Place, given: str, where: str, *, volumes: bool) -> None:
    """Ask for the name of what goes. Raises CheckError without it."""
    if given == str(place):
        return
    from tagship.reporting import table

    what = f"{place} on {where} and all data in its volumes" if volumes else f"{place} on {where}"
    if given or not sys.stdin.isatty():
        raise CheckError(f"Nobody confirmed that {what} may be removed.", hint=f"pass --confirm {place}")
    warning = table.folded(f"This removes {what}. Its visitors get an error from now on.")
    sys.stderr.write(f"{warning}\nType {place} to continue: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != str(place):
        raise CheckError(f"{place} was not confirmed.", hint="type its name to confirm; nothing was changed")


@task(help={"env": ENV, "dry-run": DRY_RUN, "wait": WAIT, "json": JSON})
def prune(_: Context, env: str = "", dry_run: bool = False, wait: int = 0, json: bool = False) -> None:
    """Remove old releases and what killed deploys left.

    Keeps the live release, the one before it, and the newest `keep`. Removes the images of the others, too, and says
    how much disk that freed.
    """
    from tagship.backups import leftovers
    from tagship.project import here
    from tagship.reporting.progress import Progress
    from tagship.reporting.table import size
    from tagship.server import connection, lock, tidying

    settings = here.config().environment(env)
    progress = Progress(quiet=json)
    with progress, connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        if dry_run:
            found = tidying.foresee(session)
        else:
            with session.locked(lock.holder(f"prune {env}"), wait=wait) as environment:
                leftovers.sweep(session.engine, session.place)
                found = tidying.tidy(environment, session, progress)
    if json:
        print(jsonlib.dumps({**found.told, "dry_run": dry_run}))
    elif dry_run:
        print("\n".join(found.lines) or "Nothing to remove.")
    elif not found.lines:
        print("Nothing to remove.")
    else:
        print(f"Removed {found.counted}; the disk has {size(found.freed)} more free space.")
