"""`backup.*`: backups of an environment's data: make, list, check, prune and restore them, and drill the restore."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from invoke.context import Context

from tagship.commands.task import CHECK_IN, DRY_RUN, ENV, JSON, WAIT, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tagship.commands.drill import DrillOrder
    from tagship.commands.restore import Restored

IDENTITY = "File with age's private key. Default: the variable TAGSHIP_IDENTITY, which holds the key itself."


@task(
    help={
        "env": ENV,
        "reason": "Why; the manifest keeps it.",
        "check-in": CHECK_IN.format("backup"),
        "dry-run": "Print what would be backed up, and change nothing.",
        "json": JSON,
    }
)
def create(
    _: Context, env: str = "", reason: str = "by hand", check_in: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Back up the database and what else is configured.

    Streams it, compressed and encrypted, into the store, then reads it back and compares it.
    """
    from tagship.backups import create as backups
    from tagship.backups.stores import open_store
    from tagship.commands.backup_inputs import configured, origin
    from tagship.project import here
    from tagship.reporting import events, report, table, telemetry
    from tagship.reporting.progress import Progress
    from tagship.server import connection

    settings = here.config().environment(env)
    wanted = configured(settings)
    scheduled = telemetry.checked_in(f"{settings.app}-backup-{env}", check_in)
    with scheduled, Progress(quiet=json) as progress, connection.connect(settings) as opening:
        store = open_store(wanted.store)
        with progress.step("Connect"):
            session = opening.session()
        found = origin(session, wanted)
        if dry_run:
            backups.refuse_unfit(found)
            parts = (f"database {found.database.access.database}", *wanted.redis, *wanted.volumes)
            report.plan(f"Would back up {', '.join(parts)} of {settings.place} to {wanted.store}.", json=json)
            return
        with progress.step(f"Back up {settings.place} to {wanted.store}"):
            made = backups.create(found, store, reason)
    events.tell("backup", environment=env, id=made.id)
    if json:
        print(jsonlib.dumps(asdict(made)))
    else:
        plain, stored = (sum(getattr(part, size) for part in made.parts) for size in ("plain_size", "size"))
        print(
            f"Backup {made.id}: {table.size(plain)}, stored as {table.size(stored)}, verified by {_how(made.verified)}"
        )


@task(
    changes=False,
    help={
        "env": ENV,
        "at": "Which backup: its id, or a time, for the newest one before it. Default: the newest.",
        "identity": IDENTITY,
        "json": JSON,
    },
)
def verify(_: Context, env: str = "", at: str = "", identity: str = "", json: bool = False) -> None:
    """Read a whole backup again, and compare it.

    With a private key it is also decrypted, and compared with what was in the database. Needs no server.
    """
    import os

    from tagship.backups import create as backups
    from tagship.backups.stores import open_store
    from tagship.commands.backup_inputs import IDENTITY as VARIABLE
    from tagship.commands.backup_inputs import configured, identities, manifest_of
    from tagship.project import here
    from tagship.reporting.progress import Progress

    settings = here.config().environment(env)
    store = open_store(configured(settings).store)
    keys = identities(identity) if identity or os.environ.get(VARIABLE) else []
    with Progress(quiet=json) as progress:
        found = manifest_of(store, settings, at)
        with progress.step(f"Read backup {found.id}{' and open it' if keys else ''}"):
            backups.verify_whole(store, f"{settings.place}/{found.id}", found, keys)
    if json:
        print(jsonlib.dumps({"backup": found.id, "release": found.release, "opened": bool(keys)}))
    else:
        print(f"Backup {found.id} is whole{'' if keys else '; without a private key it was not opened'}.")


@task(
    help={
        "env": ENV,
        "at": "Which backup: its id, or a time, for the newest one before it. Default: the newest.",
        "of": "The environment whose backup to restore. Default: the same.",
        "part": "What of it: database, redis:NAME, volume:NAME, several with commas between, or all.",
        "into": "Load it into a new database of this name instead, and leave the app's own alone.",
        "identity": IDENTITY,
        "confirm": "The environment's name, where approval is required and nobody can be asked.",
        "dry-run": DRY_RUN,
        "wait": WAIT,
        "json": JSON,
    }
)
def restore(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    at: str = "",
    of: str = "",
    part: str = "database",
    into: str = "",
    identity: str = "",
    confirm: str = "",
    dry_run: bool = False,
    wait: int = 0,
    json: bool = False,
) -> None:
    """Restore a backup beside the old data, then swap.

    Loads it into a new database, compares it with the backup, then swaps both; the site answers 503 meanwhile. The old
    database is kept under another name. The files of volumes and Redis are swapped likewise, and the old ones kept.
    """
    from tagship.commands.restore import RestoreOrder, restored
    from tagship.project import here
    from tagship.reporting import events, report
    from tagship.reporting.progress import Progress

    config = here.config()
    order = RestoreOrder(
        config.environment(env), config.environment(of or env), at, into, part, identity, confirm, dry_run, wait
    )
    with Progress(quiet=json) as progress:
        done = restored(order, progress)
    if dry_run:
        report.plan(done.steps, json=json)
        return
    events.tell("restored", environment=env, **done.told)
    if json:
        print(jsonlib.dumps(done.told))
        return
    progress.total()
    print("\n".join(_said(done, env)))


def _said(done: Restored, env: str) -> Iterator[str]:
    """What was restored, where the old data is, and what else the backup has."""
    what = ", ".join((*([done.plan.database] if done.plan else []), *done.parts))
    yield f"{what}: as in backup {done.backup.id}, of {done.backup.at[:19]}Z."
    if done.plan and done.plan.kept:
        yield f"The old database is kept as {done.plan.kept}."
    yield from (f"The old files of {part} are kept in volume {volume}." for part, volume in done.kept.items())
    if done.backup.commit:
        bring = f"`tagship deploy --env {env} --sha {done.backup.commit}`"
        yield f"The release that was live then was of {done.backup.commit}: {bring} brings it."
    if done.left_out:
        yield f"The backup also has {', '.join(done.left_out)}, which stayed as it is: see --part."


@task(
    help={
        "env": ENV,
        "at": "Which backup: its id, or a time, for the newest one before it. Default: the newest.",
        "identity": IDENTITY,
        "receipt": "Also write the receipt to this file, as JSON.",
        "check-in": CHECK_IN.format("drill"),
        "dry-run": DRY_RUN,
        "wait": "Seconds to wait for a deploy to end, to write the result into the ledger.",
        "json": JSON,
    }
)
def drill(  # noqa: PLR0913 - its options
    _: Context,
    env: str = "",
    at: str = "",
    identity: str = "",
    receipt: str = "",
    check_in: str = "",
    dry_run: bool = False,
    wait: int = 600,
    json: bool = False,
) -> None:
    """Try a restore, and measure RPO and RTO.

    Restores the newest backup into a throwaway container without a network, compares it with its manifest, lets the
    live release use it, and asks your own questions.
    """
    from tagship.commands.drill import DrillOrder
    from tagship.project import here
    from tagship.reporting import telemetry

    settings = here.config().environment(env)
    with telemetry.checked_in(f"{settings.app}-drill-{env}", check_in):
        _drill(DrillOrder(settings, at, identity, dry_run, wait, json), receipt, json=json)


def _drill(order: DrillOrder, receipt: str, *, json: bool) -> None:
    """Drill, and show the receipt. Raises BackupError if it doesn't pass."""
    from pathlib import Path

    from tagship.commands.drill import drilled
    from tagship.errors import BackupError
    from tagship.reporting import events
    from tagship.reporting.progress import Progress

    with Progress(quiet=json) as progress:
        done = drilled(order, progress)
    if done is None:
        return
    told = jsonlib.dumps(done.told, indent=1)
    events.tell("drill", environment=order.settings.name, **done.told)
    if receipt:
        Path(receipt).write_text(f"{told}\n")
    if json:
        print(told)
    else:
        progress.total()
        print(done)
    if not done.passed:
        failed = ", ".join(check.name for check in done.checks if not check.passed)
        raise BackupError(
            f"The drill failed: {failed}.", hint="read the receipt; until it passes, don't rely on backups"
        )


def _how(verified: str) -> str:
    return "reading it back" if verified == "read back" else "the store's checksums"
