"""Carries out `backup.drill`, and writes its result into the ledger."""

from dataclasses import dataclass
from functools import partial

from tagship.backups.drill import Drill, Receipt
from tagship.backups.stores import open_store
from tagship.commands import recording
from tagship.commands.backup_inputs import configured, identities, manifest_of, origin
from tagship.project.schema import Environment
from tagship.proof.ledger import Action
from tagship.reporting import report
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
    json: bool


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
            report.plan(
                f"Would restore backup {backup.id} into a throwaway container, and check it: rows, migrations, "
                f"health of {service or 'the release'}{''.join(f', {name}' for name in questions)}.",
                json=order.json,
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
        run = partial(drill.run, progress.step)
        return recording.drilled(session, order.wait, Action.DRILL, run, progress, backup.id)


def _user(session: Session, live: str) -> str:
    """The service of the live release that uses the database: the one with the migrations, else one with a route."""
    with session.looked_at() as environment:
        record = environment.release(live) if live else None
    if record is None:
        return ""
    shape = record.release.shape
    return shape.migrations.service if shape.migrations else next((route.service for route in shape.routes), "")
