"""`accessories.*`: databases, caches and other services that no deploy touches."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import ENV, JSON, task
from tagship.errors import CheckError, ConfigError

if TYPE_CHECKING:
    from tagship.names import Version
    from tagship.project.schema import Environment
    from tagship.reporting.progress import Progress
    from tagship.server.accessories import Differences
    from tagship.server.session import Session
    from tagship.variables.resolve import Resolution


@task(help={"env": ENV, "dry-run": "Print which accessories would start, and start none."})
def up(_: Context, env: str = "", dry_run: bool = False) -> None:
    """Start the accessories that don't run.

    Waits until they are ready. Leaves existing containers as they are and lists differences from the Compose file.
    """
    from tagship.reporting.progress import Progress
    from tagship.server import accessories, lock

    progress = Progress()
    with opened(env, progress, new=True) as (session, resolved):
        if not resolved.model.get("services"):
            print("tagship.yml names no accessory, so there is none to start.")
            return
        if dry_run:
            running = {container.service for container in accessories.status(session) if container.running}
            stopped = [f"start  {name}" for name in sorted(resolved.model["services"]) if name not in running]
            print("\n".join(stopped) or "All accessories already run.")
            return
        with progress.step(_starting(resolved)):
            done = accessories.up(session, resolved, lock.holder("accessories.up"))
    for line in _told(done.differ):
        progress.note(line)
    if done.differ:
        progress.note(f"Nothing was changed; `tagship accessories.recreate --env {env} --name …` replaces one.")
    print(f"Started {', '.join(done.started)}." if done.started else "All accessories already run.")


@task(
    help={
        "env": ENV,
        "name": "Name of the accessory; required.",
        "yes": "Don't ask for confirmation, e.g. in scripts.",
        "dry-run": "Print what would change, and change nothing.",
    }
)
def recreate(_: Context, env: str = "", name: str = "", yes: bool = False, dry_run: bool = False) -> None:
    """Recreate an accessory from the Compose file.

    Keeps its volumes. Requests to it wait or fail meanwhile.
    """
    from tagship.reporting.progress import Progress
    from tagship.server import accessories, lock

    progress = Progress()
    with opened(env, progress, new=True) as (session, resolved):
        if name not in resolved.model["services"]:
            known = ", ".join(resolved.model["services"]) or "none"
            raise ConfigError(f"tagship.yml has no accessory {name!r}.", hint=f"use one of: {known}")
        found = accessories.compare(session, resolved)
        print("\n".join(_told(found, name)) or f"{name} matches the Compose file.")
        if dry_run:
            return
        _confirm(env, name, yes=yes)
        with progress.step(f"Recreate {name}"):
            accessories.recreate(session, resolved, name, lock.holder("accessories.recreate"))
    print(f"{name} is running.")


@task(changes=False, help={"env": ENV, "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """Show which accessories run, and since when."""
    from tagship.project import here
    from tagship.reporting.table import table
    from tagship.server import accessories
    from tagship.server import connection as services

    config = here.config()
    with services.connect(config.environment(env)) as opening:
        found = accessories.status(opening.session())
    if json:
        print(jsonlib.dumps([asdict(container) for container in found]))
    elif found:
        print(table([(c.service, c.state, c.status) for c in found], head=("accessory", "state", "status")))
    else:
        print(f"No accessory exists in {env}; `tagship accessories.up --env {env}` starts those in tagship.yml.")


@contextmanager
def opened(env: str, progress: Progress, *, new: bool = False) -> Iterator[tuple[Session, Resolution]]:
    """A connected session, and the accessories resolved from the current commit's Compose file.

    `new`: containers may come from that file, which a preview gets only from `preview.up`.
    """
    from tagship.project import here
    from tagship.server import connection as services
    from tagship.source import git

    settings = here.config().brought(env) if new else here.config().environment(env)
    version = git.version(folder=here.folder())
    with services.connect(settings) as opening, of_commit(settings, version, progress) as resolved:
        with progress.step("Connect"):
            session = opening.session()
        yield session, resolved


@contextmanager
def of_commit(settings: Environment, version: Version, progress: Progress) -> Iterator[Resolution]:
    """The accessories resolved from a commit's Compose file, while its files are there."""
    from tagship.project import here
    from tagship.release import findings
    from tagship.release.shape import shape
    from tagship.source import checkout, compose_file, git
    from tagship.variables import resolve

    with checkout.checkout(version, here.folder()) as folder:
        sources = compose_file.sources(
            settings.compose, folder, lambda: git.files(version, here.folder()), settings.app
        )
        looked = shape(settings, sources.model["services"])
        wanted = looked.accessories
        place = settings.place
        resolved = resolve.of_services(settings, sources, wanted, version.tag, here.folder())
        for line in resolved.notes:
            progress.note(line)
        # notes, not errors: an accessory often keeps its data in a host folder
        for line in findings.of(place, version, resolved.model, looked, services=wanted, allow=settings.allow):
            progress.note(line)
        yield resolved


def _starting(resolved: Resolution) -> str:
    return f"Start {', '.join(resolved.model['services']) or 'no accessory'}"


def _told(found: Differences, *names: str) -> Iterator[str]:
    for name in names or found:
        if name in found:
            yield f"{name} differs from the Compose file: {', '.join(found[name])}."


def _confirm(env: str, name: str, *, yes: bool) -> None:
    """Ask for confirmation. Raises CheckError without it."""
    print(
        f"{name} of {env} will be stopped and created again. Its volumes stay. Requests to it wait or fail meanwhile.\n"
        "A database of another major version may not be able to read its old files: make a backup first."
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise CheckError(f"Nobody confirmed that {name} may be recreated.", hint="pass --yes")
    if input(f"Type {name} to continue: ").strip() != name:
        raise CheckError(f"{name} was not confirmed.", hint="type its name to confirm; nothing was changed")
