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
    from tagship.reporting.progress import Progress
    from tagship.server.accessories import Differences
    from tagship.server.session import Session
    from tagship.variables.resolve import Resolution


@task(help={"env": ENV, "dry-run": "Print which would be started, and start none."})
def up(_: Context, env: str = "", dry_run: bool = False) -> None:
    """Start the accessories that don't run yet.

    Waits until they are ready. One that exists is left as it is; says what of it isn't as the Compose file says by now.
    """
    from tagship.reporting.progress import Progress
    from tagship.server import accessories, lease

    progress = Progress()
    with _resolved(env, progress) as (session, resolved):
        if dry_run:
            running = {container.service for container in accessories.status(session) if container.running}
            stopped = [f"start  {name}" for name in sorted(resolved.model["services"]) if name not in running]
            print("\n".join(stopped) or "All accessories run already.")
            return
        with progress.step(_starting(resolved)):
            done = accessories.up(session, resolved, lease.holder("accessories.up"))
    for line in _told(done.differ):
        progress.note(line)
    if done.differ:
        progress.note(f"They are left as they are: `tagship accessories.recreate --env {env} --name …` replaces one.")
    print(f"Started {', '.join(done.started)}." if done.started else "All accessories run already.")


@task(
    help={
        "env": ENV,
        "name": "Which accessory; must be named.",
        "yes": "Don't ask: where nobody sits at a terminal.",
        "dry-run": "Only say what would change.",
    }
)
def recreate(_: Context, env: str = "", name: str = "", yes: bool = False, dry_run: bool = False) -> None:
    """Replace an accessory as the Compose file says by now.

    Its volumes are kept; whoever uses it has to wait.
    """
    from tagship.reporting.progress import Progress
    from tagship.server import accessories, lease

    progress = Progress()
    with _resolved(env, progress) as (session, resolved):
        if name not in resolved.model["services"]:
            known = ", ".join(resolved.model["services"]) or "none"
            raise ConfigError(f"tagship.yml has no accessory {name!r}.", hint=f"accessories here: {known}")
        found = accessories.compare(session, resolved)
        print("\n".join(_told(found, name)) or f"{name} is as the Compose file says.")
        if dry_run:
            return
        _confirm(env, name, yes=yes)
        with progress.step(f"Recreate {name}"):
            accessories.recreate(session, resolved, name, lease.holder("accessories.recreate"))
    print(f"{name} runs.")


@task(changes=False, help={"env": ENV, "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """Which accessories run, and since when."""
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
        print(f"{env} has no accessories; `tagship accessories.up --env {env}` starts those of tagship.yml.")


@contextmanager
def _resolved(env: str, progress: Progress) -> Iterator[tuple[Session, Resolution]]:
    """An environment within reach, and its accessories as the current commit's Compose file says."""
    from tagship.project import here
    from tagship.release import findings
    from tagship.release.shape import shape
    from tagship.server import connection as services
    from tagship.source import checkout, compose_file, git
    from tagship.variables import resolve

    config = here.config()
    settings = config.environment(env)
    version = git.version(folder=here.folder())
    with services.connect(settings) as opening, checkout.checkout(version, here.folder()) as folder:
        sources = compose_file.sources(settings.compose, folder, lambda: git.files(version, here.folder()), config.app)
        looked = shape(settings, sources.model["services"])
        wanted = looked.accessories
        place = settings.place
        resolved = resolve.of_services(settings, sources, wanted, version.tag, here.folder())
        # said and not refused: an accessory's data often lies in a folder of the server's own
        for line in findings.of(place, version, resolved.model, looked, services=wanted, allow=settings.allow):
            progress.note(line)
        with progress.step("Connect"):
            session = opening.session()
        yield session, resolved


def _starting(resolved: Resolution) -> str:
    return f"Start {', '.join(resolved.model['services']) or 'no accessory'}"


def _told(found: Differences, *names: str) -> Iterator[str]:
    for name in names or found:
        if name in found:
            yield f"{name} is not as the Compose file says by now: {', '.join(found[name])}."


def _confirm(env: str, name: str, *, yes: bool) -> None:
    """Raises CheckError unless somebody agreed."""
    print(
        f"{name} of {env} will be stopped and made again, its volumes kept. Whoever uses it meanwhile waits or fails.\n"
        "A database of another major version may not read its old files: have a backup."
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise CheckError(f"Nobody confirmed that {name} may be recreated.", hint="say so with --yes")
    if input(f"Type {name} to go on: ").strip() != name:
        raise CheckError(f"{name} was not confirmed.", hint="nothing was changed")
