"""`pitr.*`: point in time recovery of a PostgreSQL accessory that archives its WAL with pgBackRest."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from tagship.commands.task import DRY_RUN, ENV, JSON, task
from tagship.errors import BackupError, ConfigError, StoreError, UsageError

if TYPE_CHECKING:
    from tagship.backups.archive import Archive, Limits
    from tagship.backups.cluster import Cluster
    from tagship.reporting.progress import Progress
    from tagship.server.session import Session


@task(changes=False, help={"env": ENV, "json": JSON})
def status(_: Context, env: str = "", json: bool = False) -> None:
    """Show how far the archive of the database's WAL lags.

    Fails if it lags more than `backups.point-in-time` allows, if WAL is missing, or without a base backup.
    """
    from tagship.backups import archive
    from tagship.reporting.progress import Progress

    with Progress(quiet=json) as progress, _opened(env, progress) as (session, of):
        with progress.step("Look at the archive"):
            found = archive.look(session.engine, _container(session, of), of.environment)
        limits = _limits(session)
    wrong = list(archive.findings(found, limits))
    if json:
        print(jsonlib.dumps({**found.told, "findings": wrong}))
    else:
        print("\n".join((*_lines(found), *archive.notes(found))))
    if wrong:
        raise (StoreError if found.store else BackupError)("\n".join(wrong))


@task(
    help={
        "env": ENV,
        "kind": "full, diff (since the last full one) or incr (since the last one).",
        "dry-run": "Print what would be backed up, and change nothing.",
    }
)
def base(_: Context, env: str = "", kind: str = "full", dry_run: bool = False) -> None:
    """Make a base backup, from which a recovery starts.

    The recovery then replays the WAL archived since. The first one also creates the repository. pgBackRest's own
    retention says which are removed.
    """
    from tagship.backups import archive
    from tagship.reporting.progress import Progress

    if kind not in {"full", "diff", "incr"}:
        raise UsageError(f"There is no kind {kind!r} of base backup.", hint="use full, diff or incr")
    with Progress() as progress, _opened(env, progress) as (session, of):
        container = _container(session, of)
        if dry_run:
            print(f"Would make a base backup ({kind}) of {of.service} in {session.place}.")
            return
        with progress.step(f"Back up {of.service}"):
            archive.base(session.engine, container, kind)
        found = archive.look(session.engine, container, of.environment)
    print("\n".join(_lines(found)))


@task(
    help={
        "env": ENV,
        "at": "The time to recover, such as 2026-11-27T10:15:30+00:00. Default: all that was archived.",
        "dry-run": DRY_RUN,
        "json": JSON,
    }
)
def recover(_: Context, env: str = "", at: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Recover the database of a moment into a new volume.

    The database in use isn't touched. Needs only the repository and the Compose file, so it works on a new server, too;
    there it makes the accessory's own volume, or goes on where it was killed. Prints what is left to do.
    """
    from tagship.backups import recovery
    from tagship.images import pulls
    from tagship.reporting import events, report
    from tagship.reporting.progress import Progress

    moment = _moment(at)
    with Progress(quiet=json) as progress, _opened(env, progress) as (session, of):
        if _exists(session, of.volume):  # by a recovery that was killed, the image is there, too
            pulls.bring_tagged(session.engine, of.image, session.credentials)
        fresh = recovery.can_take(session.engine, of)
        volume = of.volume if fresh else f"{of.volume}-{recovery.suffix(moment)}"
        if dry_run:
            how = f"at {moment}" if moment else "as archived"
            report.plan(f"Would recover {of.service} {how} into volume {volume}.", json=json)
            return
        pulls.bring_tagged(session.engine, of.image, session.credentials)
        done = recovery.recover(session.engine, of, volume, moment, progress.step)
    told = {**asdict(done), "last": done.last.isoformat() if done.last else None}
    events.tell("recovered", environment=env, **told)
    if json:
        print(jsonlib.dumps(told))
        return
    progress.total()
    print(f"Volume {volume} has the database{f' as of {moment}' if moment else ''}; its last commit is of {done.last}.")
    print(_next_steps(env, of, volume))


@task(
    help={
        "env": ENV,
        "receipt": "Also write the receipt to this file, as JSON.",
        "dry-run": DRY_RUN,
        "wait": "Seconds to wait for a deploy to end, to write the result into the ledger.",
        "json": JSON,
    }
)
def drill(
    _: Context, env: str = "", receipt: str = "", dry_run: bool = False, wait: int = 600, json: bool = False
) -> None:
    """Try a recovery to a moment, and measure RPO and RTO.

    Writes a row before and a row after that moment, into a database of their own. In a throwaway container, the first
    must be there and the second not. Waits for archive_timeout.
    """
    from functools import partial
    from pathlib import Path

    from tagship.backups import point_in_time
    from tagship.commands import recording
    from tagship.proof.ledger import Action
    from tagship.reporting import events, report
    from tagship.reporting.progress import Progress

    with Progress(quiet=json) as progress, _opened(env, progress) as (session, of):
        container = _container(session, of)
        if dry_run:
            text = f"Would write two rows into {point_in_time.CANARY} of {of.service}, and recover to between them."
            report.plan(text, json=json)
            return
        run = partial(point_in_time.drill, session.engine, of, container, progress.step)
        done = recording.drilled(session, wait, Action.RECOVERY_DRILL, run, progress)
    told = jsonlib.dumps(done.told, indent=1)
    events.tell("pitr-drill", environment=env, **done.told)
    if receipt:
        Path(receipt).write_text(f"{told}\n")
    print(told if json else done)
    if not done.passed:
        raise BackupError("The drill failed.", hint="read the receipt; until it passes, don't rely on recovery")


@contextmanager
def _opened(env: str, progress: Progress) -> Iterator[tuple[Session, Cluster]]:
    """A connected session, and its database that is set up for pgBackRest. Raises ConfigError."""
    from tagship.backups.cluster import cluster
    from tagship.commands import accessories as commands
    from tagship.server import accessories

    with commands.opened(env, progress) as (session, resolved):
        model = accessories.filled(session, resolved)
        yield session, cluster(session.place, model, _service(session, model["services"]))


def _service(session: Session, services: Mapping[str, Any]) -> str:
    """The accessory: the one in `backups.database`, or the only one with pgBackRest's variables."""
    backups = session.settings.backups
    if backups and backups.database and backups.database.service:
        return backups.database.service
    found = [name for name, s in services.items() if "PGBACKREST_STANZA" in (s.get("environment") or {})]
    if len(found) != 1:
        raise ConfigError(
            f"Accessories with PGBACKREST_STANZA: {', '.join(found) or 'none'}.",
            hint="set it in the database's variables, as Tagship's docs/point-in-time.md says, or set "
            "backups.database.service",
        )
    return found[0]


def _container(session: Session, of: Cluster) -> str:
    from tagship.server import accessories

    found = [c.id for c in accessories.status(session) if c.service == of.service and c.running]
    if not found:
        raise BackupError(f"{of.service} doesn't run.", hint="start it with `tagship accessories.up`")
    return found[0]


def _limits(session: Session) -> Limits:
    from tagship.backups.archive import Limits
    from tagship.project.backup_settings import PointInTimeSettings

    backups = session.settings.backups
    chosen = backups.point_in_time if backups else PointInTimeSettings()
    return Limits(chosen.rpo, chosen.base)


def _exists(session: Session, volume: str) -> bool:
    from tagship.engine import volumes

    return volume in volumes.existing(session.engine)


def _moment(at: str) -> datetime | None:
    """Raises UsageError for a time without a zone, because nobody can tell which is meant."""
    try:
        found = datetime.fromisoformat(at) if at else None
    except ValueError:
        found = None
    if at and (found is None or found.tzinfo is None):
        raise UsageError(f"{at!r} is no time with a zone.", hint="write 2026-11-27T10:15:30+00:00")
    return found


def _lines(found: Archive) -> Iterator[str]:
    from tagship.reporting.table import since, size

    rpo = "has no bound" if found.rpo is None else f"now: {since(found.rpo)} at most"
    yield f"RPO {rpo}"
    if found.last:
        yield f"Last segment archived {since((found.now - found.last).total_seconds())} ago; {found.waiting} wait"
    for one in found.bases:
        age = since((found.now - one.ended).total_seconds())
        yield f"Base backup {one.label}, {age} old: {size(one.size)}, stored as {size(one.stored)}"


def _next_steps(env: str, of: Cluster, volume: str) -> str:
    if volume == of.volume:
        return f"Start it with `tagship accessories.up --env {env}`, then make a base backup with `tagship pitr.base`."
    key = volume.removeprefix(f"{of.place}_")
    old = of.volume.removeprefix(f"{of.place}_")
    return (
        f"To use it: in the Compose file, mount {key} instead of {old} in {of.service}, and list it under `volumes`.\n"
        f"Commit, and run `tagship accessories.recreate --env {env} --name {of.service}`. "
        f"The old data stays in {of.volume}."
    )
