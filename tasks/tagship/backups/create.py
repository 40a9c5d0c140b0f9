"""Makes a backup: each part streams from the server through compression and encryption into the store.

A backup counts only once its manifest is stored, after every part was read back and was what had been sent.
"""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from tagship.backups import encryption, manifest, postgres, rights, sources
from tagship.backups.encryption import CHUNK, Counted
from tagship.backups.leftovers import sweep
from tagship.backups.manifest import MANIFEST, WAY_BACK, Manifest, Part
from tagship.backups.program import Program
from tagship.backups.store import ReadDeniedError, Source, Store
from tagship.backups.workbench import Workbench
from tagship.engine.client import Engine
from tagship.errors import BackupError, TagshipError
from tagship.names import Place
from tagship.project.backup_settings import BackupSettings
from tagship.system.parallel import ahead

READ_BACK, CHECKSUMS = "read back", "checksums"
"""How a backup was verified; the store's checksums must do if the identity may only write."""


@dataclass(frozen=True)
class Origin:
    """What is backed up: an environment's data, on its engine."""

    engine: Engine
    place: Place
    settings: BackupSettings
    database: postgres.Server
    release: str = ""
    """The release that is live."""


def refuse_unfit(origin: Origin) -> None:
    """Raises ConfigError, BackupError if a key is none, or if something to back up isn't there."""
    encryption.public(origin.settings.recipients)
    sources.refuse_missing(origin.engine, origin.place, origin.settings.redis, origin.settings.volumes)


def create(origin: Origin, store: Store, reason: str, *, migrating: bool = False) -> Manifest:
    """Make a backup and return its manifest. `migrating`: the live release may need it as its way back.

    Raises ConfigError, BackupError, StoreError, or LockedError if another one runs; then nothing in the store counts as
    a backup.
    """
    refuse_unfit(origin)
    name, database = f"tagship-backup-{origin.place}", origin.database
    with Workbench(origin.engine, origin.place, name, database.image, database.host) as bench:
        sweep(origin.engine, origin.place)
        started = _now(origin.engine)
        with postgres.snapshot(bench, database.access) as snapshot:
            backup = manifest.new_id(datetime.fromisoformat(snapshot.at))
            writer = Writer(store, str(origin.place), backup, origin.settings.recipients)
            with writer:
                found = rights.read(snapshot.session, snapshot.database.name)
                dumped, rows = _dump(bench, origin, snapshot, writer)
                roles = writer.write(rights.KIND, database.service, found.encoded())
        with writer:
            whole = Manifest(
                id=writer.id,
                app=origin.place.app,
                environment=origin.place.environment,
                started=started.isoformat(timespec="seconds"),
                at=snapshot.at,
                parts=(dumped, roles, *_others(origin, writer)),
                ended=_now(origin.engine).isoformat(timespec="seconds"),
                release=origin.release,
                database=replace(snapshot.database, rows=rows),
                verified=writer.verified,
                reason=reason,
            )
            if migrating and origin.release:
                writer.note(f"{WAY_BACK}{origin.release}")
            writer.note(MANIFEST, manifest.encode(whole))
    return whole


def _dump(
    bench: Workbench, origin: Origin, snapshot: postgres.Snapshot, writer: "Writer"
) -> tuple[Part, dict[str, int]]:
    """Store the database's dump while its rows are counted in the same snapshot."""
    counting: Callable[[], dict[str, int]] = ahead(lambda: snapshot.session.value(postgres.COUNTS))
    dump = postgres.dump(bench, origin.database.access, snapshot)
    with dump, postgres.listing(bench) as lister:
        dump.end_input()
        listed = _Listed(dump, lister)
        part = writer.write("postgres", origin.database.service, listed)
        listed.check()
    return part, counting()


def _others(origin: Origin, writer: "Writer") -> Iterator[Part]:
    """Store what isn't in PostgreSQL."""
    for service in origin.settings.redis:
        with sources.redis(origin.engine, origin.place, service) as rdb:
            yield writer.write("redis", service, rdb)
    for name in origin.settings.volumes:
        with sources.volume(origin.engine, origin.place, name, origin.database.image) as tar:
            yield writer.write("volume", name, tar)


class Writer:
    """Writes the parts of one backup, and reads each back. As a context, removes them again if that fails."""

    def __init__(self, store: Store, place: str, backup: str, recipients: tuple[str, ...]) -> None:
        self.id = backup
        self.folder = f"{place}/{backup}"
        self.verified = READ_BACK
        self._store = store
        self._recipients = recipients
        self._written: list[str] = []

    def write(self, kind: str, name: str, source: Source) -> Part:
        """Store a stream. Raises BackupError if what is read back isn't what was stored."""
        plain = Counted(source)
        file = f"{kind}-{name}.zst.age"
        self._written.append(f"{self.folder}/{file}")
        with encryption.sealed(plain, self._recipients) as stored:
            self._store.put(f"{self.folder}/{file}", stored)
        before, after = plain.digest, stored.digest
        part = Part(kind, name, file, before.size, before.sha256, after.size, after.sha256)
        try:
            verify(self._store, self.folder, part)
        except ReadDeniedError:
            self.verified = CHECKSUMS
        return part

    def note(self, file: str, content: bytes = b"") -> None:
        """Store a small object beside the parts."""
        self._written.insert(0, f"{self.folder}/{file}")
        self._store.put(self._written[0], io.BytesIO(content))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Remove what was written of a backup that failed, if the identity may; else a later prune does it."""
        for name in self._written if failed else ():  # the manifest first: without it, nothing counts
            with contextlib.suppress(TagshipError):
                self._store.delete(name)


def verify(store: Store, folder: str, part: Part) -> None:
    """Read a stored part, and compare it with its checksum. Raises BackupError, StoreError."""
    with store.get(f"{folder}/{part.file}") as stored:
        found = Counted(stored)
        while found.read(CHUNK):
            pass
    if found.digest.sha256 != part.sha256:
        raise BackupError(
            f"{part.file} isn't what was stored: {found.digest.size} of {part.size} bytes, and another checksum.",
            hint="run `tagship backup.create` again, and look for the cause in the store",
        )


def verify_whole(store: Store, folder: str, backup: Manifest, keys: Sequence[Any]) -> None:
    """Read every part of a backup; with private keys, open it too, and compare what was backed up.

    Raises BackupError, StoreError.
    """
    for part in backup.parts:
        verify(store, folder, part)
        if keys:
            with store.get(f"{folder}/{part.file}") as stored, encryption.opened(stored, keys) as plain:
                found = Counted(plain)
                while found.read(CHUNK):
                    pass
            if found.digest.sha256 != part.plain_sha256:
                raise BackupError(f"{part.file} isn't what was backed up: its checksum differs from the manifest's.")


def refuse_wrong_keys(store: Store, folder: str, backup: Manifest, keys: Sequence[Any]) -> None:
    """Begin to open the smallest part. Raises BackupError if no key fits, StoreError."""
    part = min(backup.parts, key=lambda part: part.size, default=None)
    if part is None:
        raise BackupError(f"Backup {backup.id} has no parts.", hint="pass another one with --at")
    with store.get(f"{folder}/{part.file}") as stored, encryption.opened(stored, keys) as plain:
        plain.read(1)


class _Listed:
    """Passes a dump on, and shows it to `pg_restore --list` until that has seen the whole table of contents."""

    def __init__(self, dump: Source, lister: Program) -> None:
        self._dump = dump
        self._lister = lister
        self._listing = ahead(lister.rest)
        self._looking = True

    def read(self, size: int = CHUNK, /) -> bytes:
        data = self._dump.read(size)
        if self._looking:
            self._looking = bool(data) and self._lister.offer(data)
            if not data:
                self._lister.end_input()
        return data

    def check(self) -> None:
        """Raises BackupError if pg_restore can't read the dump's table of contents."""
        if not self._listing().strip():
            raise BackupError("pg_restore finds nothing in the dump.")


def _now(engine: Engine) -> datetime:
    """The engine's time, in UTC."""
    return datetime.fromtimestamp(engine.now(), UTC)
