"""Carries out `backup.restore`, for the task itself and for a rollback."""

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tagship.backups import restore
from tagship.backups.manifest import Manifest
from tagship.backups.postgres import Server
from tagship.backups.store import Store
from tagship.backups.stores import open_store
from tagship.backups.workbench import Program, Workbench
from tagship.commands.backup_inputs import configured, database, identities, manifest_of
from tagship.commands.recording import entry
from tagship.errors import CheckError
from tagship.github import deployments
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tagship.server import connection, lock
from tagship.server.session import Session
from tagship.server.target import LockedServer
from tagship.system.signals import uninterrupted


@dataclass(frozen=True)
class RestoreOrder:
    """What `backup.restore` was told to do."""

    settings: Environment
    of: Environment
    """Whose backup; usually the same."""
    at: str
    into: str
    identity: str
    confirm: str
    dry_run: bool
    wait: float
    hold: bool = False
    """Whether the site stays held afterwards, for a rollback that follows."""


@dataclass(frozen=True)
class Restored:
    """A restore that was done, or only planned."""

    plan: restore.Plan
    seconds: float = 0

    @property
    def told(self) -> Mapping[str, object]:
        """For programs."""
        plan = self.plan
        return {
            "backup": plan.backup.id,
            "at": plan.backup.at,
            "database": plan.database,
            "kept": plan.kept,
            "seconds": self.seconds,
        }


def restored(order: RestoreOrder, progress: Progress) -> Restored:
    """Restore a backup, or only plan it. Raises BackupError, StoreError, CheckError; then the database is as it was."""
    settings = order.settings
    wanted = configured(settings)
    store = open_store(configured(order.of).store)
    keys = [] if order.dry_run else identities(order.identity)
    backup = manifest_of(store, order.of, order.at)
    with connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        server = database(session, wanted)
        if order.dry_run:
            with _bench(session, server) as bench:
                return Restored(_planned(session, server, bench, backup, order.into))
        confirmed(settings, order.confirm, f"The database of {settings.name} will be replaced by backup {backup.id}")
        supervised = deployments.supervise(settings, action="restore", tag="")
        with (
            supervised,
            session.locked(lock.holder(f"backup.restore {settings.name}"), wait=order.wait) as environment,
            _bench(session, server) as bench,
        ):
            plan = _planned(session, server, bench, backup, order.into)
            return _carried_out(environment, server, bench, plan, store, keys, progress, hold=order.hold)


def confirmed(settings: Environment, given: str, what: str) -> None:
    """Ask for the environment's name where approval is required. Raises CheckError without it.

    In GitHub Actions the environment's protection is the approval.
    """
    if settings.approval != "required" or given == settings.name or os.environ.get("GITHUB_ACTIONS") == "true":
        return
    if given or not sys.stdin.isatty():
        raise CheckError(f"{what}, and nobody confirmed that.", hint=f"pass --confirm {settings.name}")
    print(f"{what}.")
    if input(f"Type {settings.name} to continue: ").strip() != settings.name:
        raise CheckError(f"{settings.name} was not confirmed.", hint="type its name to confirm; nothing was changed")


def _carried_out(  # noqa: PLR0913 - a plan, and all that it needs
    environment: LockedServer,
    server: Server,
    bench: Workbench,
    plan: restore.Plan,
    store: Store,
    keys: list[Any],
    progress: Progress,
    *,
    hold: bool,
) -> Restored:
    began = datetime.now(UTC)
    swaps = plan.loading != plan.database
    with environment.edge.held(environment.site(environment.observe()), on=hold) if swaps else nullcontext():
        with progress.step(f"Load backup {plan.backup.id} into {plan.loading} and compare it"):
            restore.load(bench, server.access, plan, store, keys)
        if swaps:
            environment.lease.check()
            with uninterrupted(), progress.step(f"Swap it with {plan.database}"):
                restore.swap(bench, server.access, plan)
                why = f"old database kept as {plan.kept}" if plan.kept else ""
                leaves = plan.backup.database.leaves if plan.backup.database else ()
                what = {"seconds": _since(began), "why": why, "migrations": leaves, "backup": plan.backup.id}
                environment.record(entry(environment, Action.RESTORE, ledger.GOOD, what))
    return Restored(plan, _since(began))


def _since(began: datetime) -> float:
    return round((datetime.now(UTC) - began).total_seconds(), 2)


def _planned(session: Session, server: Server, bench: Workbench, backup: Manifest, into: str) -> restore.Plan:
    now = restore.observe(bench, server.access, _disk_free(session, server))
    return restore.plan(backup, session.place.app, server.access.database, now, into)


def _bench(session: Session, server: Server) -> Workbench:
    return Workbench(session.engine, f"tagship-backup-{session.place}", server.image, server.host)


def _disk_free(session: Session, server: Server) -> int | None:
    """Free bytes where an accessory keeps its database; None for a managed one."""
    if not server.container:
        return None
    script = 'df -Pk "${PGDATA:-/var/lib/postgresql}" | tail -n 1'
    with Program(session.engine, server.container, ["sh", "-c", script]) as program:
        program.end_input()
        return int(program.rest().decode().split()[3]) * 1024
