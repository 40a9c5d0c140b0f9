"""What the tasks of `backup.*` share: the store, the database, the private keys, and the restore itself."""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagship.backups import catalogue, create, encryption, manifest, postgres, restore
from tagship.backups.create import Origin
from tagship.backups.drill import Drill, Receipt
from tagship.backups.manifest import MANIFEST, Manifest
from tagship.backups.postgres import Server
from tagship.backups.store import Store
from tagship.backups.stores import open_store
from tagship.backups.workbench import Program, Workbench
from tagship.errors import BackupError, CheckError, ConfigError, EngineError, LockedError, StoreError
from tagship.github import deployments
from tagship.images import pulls
from tagship.project import here
from tagship.project.backup_settings import BackupSettings
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting import redaction
from tagship.reporting.progress import Progress
from tagship.server import connection, lock
from tagship.server.session import Session
from tagship.server.target import LockedServer
from tagship.system.signals import uninterrupted
from tagship.variables import files, secrets

IDENTITY = "TAGSHIP_IDENTITY"
"""The variable that holds a private key of age itself, as CI passes secrets."""
WAIT_FOR_ANOTHER = 1800.0
"""Seconds that a deploy waits for a backup that runs already."""


def configured(settings: Environment) -> BackupSettings:
    """An environment's backups. Raises ConfigError if there are none."""
    if settings.backups is None:
        raise ConfigError("tagship.yml has no backups.", hint="set backups.store and backups.recipients")
    return settings.backups


def origin(session: Session, wanted: BackupSettings) -> Origin:
    """What a backup of a connected environment consists of. Raises ConfigError, BackupError."""
    with session.files() as found:
        live = found.read().live if found else ""
    return Origin(session.engine, session.place, wanted, database(session, wanted), live)


def back_up(session: Session, wanted: BackupSettings, progress: Progress, to: str) -> str:
    """Make a backup before migrating to a commit, once a backup that runs has ended. Returns its id.

    With `snapshot`, find a fresh snapshot instead.
    """
    if wanted.database and wanted.database.snapshot:
        from tagship.backups import snapshots

        return f"{snapshots.PREFIX}{snapshots.fresh(wanted.database.snapshot, datetime.now(UTC)).name}"
    until, waits = time.monotonic() + WAIT_FOR_ANOTHER, False
    while True:
        try:
            return create.create(origin(session, wanted), open_store(wanted.store), f"before migrating to {to}").id
        except LockedError:
            if time.monotonic() > until:
                raise
            if not waits:
                progress.note("waiting for another backup to end")
            waits = True
            time.sleep(2)


def database(session: Session, wanted: BackupSettings) -> Server:
    """The environment's database server. Raises ConfigError, BackupError."""
    chosen = wanted.database
    if chosen is None or not chosen.url:
        return postgres.accessory(session.engine, session.place, chosen.service if chosen else "")
    settings, name = session.settings, chosen.url
    given = files.read(settings.variables, here.folder())
    if name not in given:
        found = secrets.values(settings.secrets, [name], here.folder())
        given |= {each: value.reveal() for each, value in found.items()}
    if name not in given:
        hint = f"add it to {secrets.shown(settings.secrets)}"
        raise ConfigError(f"{settings.name} has no value for {name}.", hint=hint)
    pulls.bring_tagged(session.engine, chosen.image, session.credentials)
    return postgres.managed(given[name], chosen.image, str(session.place))


def identities(path: str) -> list[Any]:
    """The private keys in a file, or in the variable. Raises ConfigError without repeating any of it."""
    text = os.environ.get(IDENTITY, "")
    if path:
        try:
            text = Path(path).expanduser().read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} can't be read: {error}.", hint="pass a file that age-keygen wrote") from None
    if not text:
        raise ConfigError("No private key is given.", hint=f"pass --identity FILE, or set {IDENTITY} to the key")
    redaction.conceal(line for line in text.splitlines() if line and not line.startswith("#"))
    return encryption.identities(text)


def manifest_of(store: Store, settings: Environment, at: str) -> Manifest:
    """The manifest of the backup that `at` means. Raises BackupError, StoreError."""
    found = catalogue.chosen(catalogue.listed(store, settings.place), at)
    with store.get(f"{settings.place}/{found.id}/{MANIFEST}") as stored:
        text = bytearray()
        while piece := stored.read(1 << 20):
            text += piece
    return manifest.decode(bytes(text))


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


@dataclass(frozen=True)
class DrillOrder:
    """What `backup.drill` was told to do."""

    settings: Environment
    at: str
    identity: str
    dry_run: bool
    wait: float


def drilled(order: DrillOrder, progress: Progress) -> Receipt | None:
    """Try a restore and write the result into the ledger; None if only planned. Raises BackupError, StoreError."""
    settings = order.settings
    wanted = configured(settings)
    store = open_store(wanted.store)
    keys = [] if order.dry_run else identities(order.identity)
    backup = manifest_of(store, settings, order.at)
    with connection.connect(settings) as opening:
        with progress.step("Connect"):
            session = opening.session()
        found = origin(session, wanted)
        service = _user(session, found.release)
        questions = wanted.drill.check
        if order.dry_run:
            print(
                f"Would restore backup {backup.id} into a throwaway container, and check it: rows, migrations, "
                f"health of {service or 'the release'}{''.join(f', {name}' for name in questions)}."
            )
            return None
        drill = Drill(
            session.engine,
            session.place,
            found.database,
            backup,
            store,
            keys,
            questions,
            found.release,
            service,
            settings.release.ready_within,
        )
        try:
            receipt = drill.run(progress.step)
        except (BackupError, StoreError, EngineError) as error:
            _recorded(session, order.wait, Action.DRILL, ledger.FAILED, backup=backup.id, why=error.problem)
            raise
        result = ledger.GOOD if receipt.passed else ledger.FAILED
        failed = "; ".join(f"{check.name}: {check.detail}" for check in receipt.checks if not check.passed)
        measured = {"rpo": receipt.rpo, "rto": receipt.rto, "seconds": receipt.rto}
        try:
            _recorded(session, order.wait, Action.DRILL, result, backup=backup.id, why=failed, **measured)
        except LockedError as error:
            progress.note(f"the ledger doesn't have this drill: {error.problem}")
        return receipt


def _user(session: Session, live: str) -> str:
    """The service of the live release that uses the database: the one with the migrations, else one with a route."""
    with session.looked_at() as environment:
        record = environment.release(live) if live else None
    if record is None:
        return ""
    shape = record.release.shape
    return shape.migrations.service if shape.migrations else next((route.service for route in shape.routes), "")


def _recorded(session: Session, wait: float, action: Action, result: str, **what: Any) -> None:  # noqa: ANN401 - an entry's own
    """Append to the ledger, with the lock held for that moment."""
    holder = lock.holder(f"backup.{action} {session.place.environment}")
    with session.locked(holder, wait=wait) as environment:
        environment.record(_entry(environment, action, result, what))


def _entry(environment: LockedServer, action: Action, result: str, what: Mapping[str, Any]) -> ledger.Entry:
    observed, holder = environment.observe(), environment.lease.holder
    return ledger.Entry(
        at=environment.now(),
        action=str(action),
        result=result,
        release=observed.live,
        tag=observed.live_record.release.version.tag if observed.live_record else "",
        by=holder.who,
        run=holder.run,
        **{**what, "why": " ".join(str(what.get("why", "")).split())},
    )


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
                environment.record(_entry(environment, Action.RESTORE, ledger.GOOD, what))
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
