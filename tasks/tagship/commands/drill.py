"""Carries out `backup.drill`, and writes its result into the ledger."""

from dataclasses import dataclass

from tagship.backups.drill import Drill, Receipt
from tagship.backups.stores import open_store
from tagship.commands.backup_inputs import configured, identities, manifest_of, origin
from tagship.commands.recording import recorded
from tagship.errors import BackupError, EngineError, LockedError, StoreError
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tagship.server import connection
from tagship.server.session import Session


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
            recorded(session, order.wait, Action.DRILL, ledger.FAILED, backup=backup.id, why=error.problem)
            raise
        result = ledger.GOOD if receipt.passed else ledger.FAILED
        failed = "; ".join(f"{check.name}: {check.detail}" for check in receipt.checks if not check.passed)
        measured = {"rpo": receipt.rpo, "rto": receipt.rto, "seconds": receipt.rto}
        try:
            recorded(session, order.wait, Action.DRILL, result, backup=backup.id, why=failed, **measured)
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
