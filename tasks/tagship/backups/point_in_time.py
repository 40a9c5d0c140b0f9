"""The drill of point in time recovery: a row written before a time must be there afterwards, one written later not.

The rows are in a database of their own in the cluster, `tagship_canary`, so no backup and no migration of the app's
database ever sees them.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tagship.backups import archive, recovering, recovery
from tagship.backups.cluster import Cluster
from tagship.backups.recovery import Step
from tagship.backups.workbench import Workbench
from tagship.engine.client import Engine
from tagship.errors import BackupError
from tagship.reporting.table import size

CANARY = "tagship_canary"
_PATIENCE = 60.0
"""Seconds that the archive may take beyond archive_timeout."""
_PAUSE = 0.2
_SEGMENT = re.compile("[0-9A-F]{24}")
_TABLE = """
SET client_min_messages = warning;
CREATE TABLE IF NOT EXISTS canary (drill text, word text, at timestamptz DEFAULT clock_timestamp());
DELETE FROM canary WHERE at < now() - interval '90 days'
"""


@dataclass(frozen=True)
class Receipt:
    """What a drill found. Times are ISO 8601 in UTC, durations in seconds."""

    at: str
    """The moment that was recovered."""
    base: str
    """The base backup that the recovery began with."""
    rpo: float
    """From a commit until its WAL was in the repository: what losing the server would have cost."""
    rpo_limit: float
    """What it would cost at most: archive_timeout, and the time that the segment took to arrive."""
    rto: float
    """From the start of the recovery until the rows were checked."""
    restored: float
    replayed: float
    size: int
    """Bytes of the recovered cluster."""
    image: str
    kept: bool
    """Whether the row written before that moment was there."""
    lost: bool
    """Whether the row written after that moment was absent."""

    @property
    def passed(self) -> bool:
        """Whether both rows were as they must be."""
        return self.kept and self.lost

    @property
    def failed(self) -> str:
        """What was lost, or wrongly kept."""
        lost = [] if self.kept else [f"a row written before {self.at} is lost"]
        return "; ".join(lost if self.lost else [*lost, f"a row written after {self.at} is there"])

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "passed": self.passed}

    def __str__(self) -> str:
        return "\n".join((
            f"{'✓' if self.kept else '✗'} a row written before {self.at} is there",
            f"{'✓' if self.lost else '✗'} a row written after it is not",
            f"RPO {self.rpo:.1f} s, at most {self.rpo_limit:.1f} s: from a commit until it was in the repository",
            f"RTO {self.rto:.1f} s for {size(self.size)}: base backup {self.restored:.1f} s, WAL {self.replayed:.1f} s",
        ))  # fmt: skip


def drill(engine: Engine, of: Cluster, container: str, step: Step) -> Receipt:
    """Recover the running database in a container into a throwaway volume, to a moment between two rows.

    Raises BackupError, StoreError, LockedError if it doesn't come so far that the rows can be checked.
    """
    canary = _Canary(engine, container, of.environment)
    with step(f"Write two rows into {CANARY}, and wait for the archive"):
        canary.prepare()
        canary.write("before")
        moment = canary.clock()
        after = canary.write("after")
        rpo, timeout, took = canary.archived(after)
    volume = f"{of.place}_tagship-drill"
    seen: dict[str, str] = {}
    began = time.monotonic()

    def check(bench: Workbench) -> None:
        words = recovering.ask(bench, of, canary.words, CANARY)
        seen.update(words=words, size=recovering.ask(bench, of, "SELECT sum(pg_database_size(oid)) FROM pg_database"))
        seen["rto"] = f"{time.monotonic() - began:.1f}"

    try:
        done = recovery.recover(engine, of, volume, moment, step, check=check)
    finally:
        recovery.remove(engine, volume)
    found = seen["words"].split()
    return Receipt(
        at=moment.isoformat(),
        base=done.base,
        rpo=round(rpo, 1),
        rpo_limit=round(timeout + took, 1),
        rto=float(seen["rto"]),
        restored=done.restored,
        replayed=done.replayed,
        size=int(seen["size"]),
        image=of.image,
        kept="before" in found,
        lost="after" not in found,
    )


class _Canary:
    """The rows of one drill."""

    def __init__(self, engine: Engine, container: str, environment: Mapping[str, str]) -> None:
        self._engine = engine
        self._container = container
        self._environment = environment
        self._drill = secrets.token_hex(8)
        self._wal = ""

    @property
    def words(self) -> str:
        """The query for this drill's rows."""
        return f"SELECT word FROM canary WHERE drill = '{self._drill}'"

    def prepare(self) -> None:
        """Create the database and its table, if missing."""
        if not self._ask(f"SELECT 1 FROM pg_database WHERE datname = '{CANARY}'", "postgres"):
            self._ask(f"CREATE DATABASE {CANARY}", "postgres")
        self._ask(_TABLE)

    def write(self, word: str) -> datetime:
        """Commit a row. Returns its time."""
        values = f"('{self._drill}', '{word}')"
        row = f"INSERT INTO canary (drill, word) VALUES {values} RETURNING extract(epoch FROM at)"
        written = datetime.fromtimestamp(float(self._ask(row)), UTC)
        self._wal = self._ask("SELECT pg_walfile_name(pg_current_wal_lsn())")
        return written

    def clock(self) -> datetime:
        """The database's time."""
        return datetime.fromtimestamp(float(self._ask("SELECT extract(epoch FROM clock_timestamp())")), UTC)

    def archived(self, since: datetime) -> tuple[float, float, float]:
        """Wait until the last row is archived, without forcing it.

        Returns the seconds from `since` on, archive_timeout, and the seconds that the segment took once it was handed
        over. Raises BackupError if it takes too long.
        """
        timeout = float(self._ask("SELECT setting FROM pg_settings WHERE name = 'archive_timeout'"))
        if not timeout:
            raise BackupError("archive_timeout is 0: a quiet database would never archive.", hint="set it to 60s")
        until = time.monotonic() + timeout + _PATIENCE
        state = "SELECT coalesce(last_archived_wal, ''), coalesce(extract(epoch FROM last_archived_time), 0)"
        while True:
            wal, at = self._ask(f"{state} FROM pg_stat_archiver").split("|")
            if _SEGMENT.match(wal) and wal[:24] >= self._wal:
                return float(at) - since.timestamp(), timeout, max(0.0, float(at) - self._handed_over(float(at)))
            if time.monotonic() > until:
                raise BackupError(
                    f"The database's WAL wasn't archived within {timeout + _PATIENCE:.0f} s.",
                    hint="see `tagship pitr.status`",
                )
            time.sleep(_PAUSE)

    def _handed_over(self, otherwise: float) -> float:
        """When PostgreSQL handed its segment over: it notes that in a file, which it only renames afterwards."""
        noted = (
            f"SELECT extract(epoch FROM modification) FROM pg_ls_archive_statusdir() WHERE name = '{self._wal}.done'"
        )
        return float(self._ask(noted) or otherwise)

    def _ask(self, text: str, database: str = CANARY) -> str:
        return archive.query(self._engine, self._container, self._environment, text, database)
