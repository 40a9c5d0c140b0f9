"""What the tasks of `backup.*` start from: the settings, the database, the private keys, a backup's manifest."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tagship.backups import catalogue, create, encryption, manifest, postgres
from tagship.backups.create import Origin
from tagship.backups.manifest import MANIFEST, Manifest
from tagship.backups.postgres import Server
from tagship.backups.store import Store
from tagship.backups.stores import open_store
from tagship.errors import ConfigError, LockedError, plain
from tagship.images import pulls
from tagship.project import here
from tagship.project.backup_settings import BackupSettings
from tagship.project.schema import Environment
from tagship.reporting import redaction
from tagship.reporting.progress import Progress
from tagship.server.session import Session
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
            found, store = origin(session, wanted), open_store(wanted.store)
            return create.create(found, store, f"before migrating to {to}", migrating=True).id
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
            raise ConfigError(
                f"{path} can't be read: {plain(error)}.", hint="pass a file that age-keygen wrote"
            ) from None
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
