"""A backup's manifest: what it holds and how to tell that it is whole. Pure."""

import hashlib
import json
import re
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tagship.errors import BackupError

MANIFEST = "manifest.json"
"""Written last: a backup without it is unfinished."""
PINNED = "pinned"
"""An object beside the manifest that keeps `backup.prune` from removing the backup; it holds the reason."""
WAY_BACK = "way-back-to-"
"""Begins the name of an object beside the manifest of a backup that was made before migrating: the rest is the release
that was live then, which a rollback may have to go back to."""
_ID = re.compile(r"(?P<at>\d{8}T\d{6}Z)-(?P<random>[0-9a-f]{6})")
_AT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Part:
    """One stream of a backup, compressed by zstd and encrypted by age."""

    kind: str
    """`postgres` (pg_dump's custom format), `roles` (JSON: rights.py), `redis` (an RDB file) or `volume` (a tar)."""
    name: str
    """The accessory or volume."""
    file: str
    """Its name in the backup's folder."""
    plain_size: int
    plain_sha256: str
    size: int
    """As stored."""
    sha256: str


@dataclass(frozen=True)
class Database:
    """The database at the moment of the backup's snapshot."""

    name: str
    server: str
    """PostgreSQL's version, `15.14`."""
    postgis: str = ""
    size: int = 0
    """pg_database_size, in bytes."""
    owner: str = ""
    encoding: str = ""
    collate: str = ""
    ctype: str = ""
    search_path: str = ""
    """As the database's user has it: where unqualified names, such as Django's tables, are found."""
    roles: tuple[str, ...] = ()
    """The server's roles. A dump names owners and grantees, but doesn't create them."""
    rows: dict[str, int] = field(default_factory=dict)
    """`schema.table` → rows, counted in the dump's own snapshot."""
    leaves: tuple[str, ...] = ()
    """The last applied migration of each Django app, `app.0004_name`; empty for other frameworks."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. Times are ISO 8601 in UTC."""

    id: str
    app: str
    environment: str
    started: str
    at: str
    """When the snapshot was taken: a restore brings back this moment."""
    ended: str
    release: str = ""
    """The release that was live."""
    parts: tuple[Part, ...] = ()
    database: Database | None = None
    verified: str = ""
    """How: `read back`, or `checksums` if the identity may not read the store."""
    reason: str = ""
    """Why it was made: `scheduled`, `before migrating to SHA8`, …"""
    version: int = 1

    @property
    def commit(self) -> str:
        """The beginning of the live release's SHA; empty if nothing was live."""
        return self.release.removeprefix(f"{self.app}-{self.environment}-").partition("-")[0]


def new_id(at: datetime) -> str:
    """`20261127T101530Z-a1b2c3`: the first full second in UTC that isn't before a moment, and six random digits.

    So a backup that is the newest before a time holds nothing written after that time.
    """
    full = at.astimezone(UTC) + timedelta(microseconds=-at.microsecond % 1_000_000)
    return f"{full.strftime(_AT)}-{secrets.token_hex(3)}"


def taken(backup: str) -> datetime | None:
    """When a backup with this id was taken; None if it is no id."""
    found = _ID.fullmatch(backup)
    try:
        return datetime.fromisoformat(found["at"]) if found else None
    except ValueError:
        return None


def encode(manifest: Manifest) -> bytes:
    """The manifest as JSON, with a checksum of itself."""
    raw = asdict(manifest)
    return json.dumps({**raw, "checksum": _checksum(raw)}, indent=1, sort_keys=True).encode()


def decode(stored: bytes) -> Manifest:
    """The manifest. Raises BackupError if it was changed, cut off, or is of a newer version."""
    try:
        raw: dict[str, Any] = json.loads(stored)
        checksum = raw.pop("checksum", "")
        if int(raw["version"]) > Manifest.version:
            raise BackupError("The backup's manifest is of a newer Tagship.", hint="upgrade Tagship")
        if checksum != _checksum(raw):
            raise BackupError("The backup's manifest was changed: its checksum differs.")
        parts = tuple(Part(**part) for part in raw.pop("parts"))
        database = raw.pop("database")
        if database:
            lists: dict[str, Any] = {name: tuple(database[name]) for name in ("roles", "leaves")}
            database = Database(**{**database, **lists})
        return Manifest(**raw, parts=parts, database=database)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackupError("The backup's manifest can't be read: it is truncated or was changed.") from None


def _checksum(raw: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
