"""How far the WAL archive of a running database is behind, and what is wrong with it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tagship.backups import pgbackrest
from tagship.backups.pgbackrest import Base, Repository
from tagship.backups.program import Program
from tagship.engine.client import Engine
from tagship.errors import BackupError, StoreError, TagshipError
from tagship.reporting.table import since, size

BOUND = "PGBACKREST_ARCHIVE_PUSH_QUEUE_MAX"
PSQL = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
POSTGRES = "postgres"
"""The user, in PostgreSQL's images, whom its files belong to."""
QUERY = """
SELECT jsonb_build_object(
  'mode', current_setting('archive_mode'),
  'command', current_setting('archive_command'),
  'timeout', (SELECT setting::float FROM pg_settings WHERE name = 'archive_timeout'),
  'segment', (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'),
  'now', extract(epoch FROM clock_timestamp()),
  'last', extract(epoch FROM last_archived_time),
  'failed', CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity')
    THEN extract(epoch FROM last_failed_time) END,
  'failures', failed_count,
  'waiting', (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
  'oldest', (SELECT extract(epoch FROM min(modification)) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
  'bytes', (SELECT sum(size) FROM pg_ls_waldir())
) FROM pg_stat_archiver
"""


@dataclass(frozen=True)
class Limits:
    """When the archive counts as failing."""

    rpo: float
    """Seconds."""
    base: float
    """Seconds: the greatest age of the newest base backup."""


@dataclass(frozen=True)
class Archive:
    """The archive of a running database."""

    now: datetime
    archiving: bool
    """Whether PostgreSQL has pgBackRest archive its WAL."""
    timeout: float
    """archive_timeout: seconds until PostgreSQL hands over a segment that isn't full."""
    last: datetime | None
    """When the last segment arrived in the repository."""
    failing: datetime | None
    """When archiving failed last; None if it has succeeded since."""
    waiting: int
    """Segments that wait for the archive."""
    oldest: datetime | None
    """Since when the oldest of them waits."""
    wal: int
    """Bytes of WAL on the database's disk."""
    bound: str
    """Beyond so much waiting WAL, pgBackRest drops it, so that the disk doesn't fill; empty without a bound."""
    free: int
    """Bytes free on that disk."""
    bases: tuple[Base, ...]
    gaps: tuple[tuple[str, str], ...]
    """Segments that are missing since the newest base backup."""
    store: str = ""
    """Why the repository can't be read; then nothing is known of base backups and gaps."""

    @property
    def rpo(self) -> float | None:
        """Seconds of writes that are lost at most if the server is lost now; None if that has no bound."""
        if not self.archiving or not self.timeout or self.gaps or not (self.bases or self.store):
            return None
        waited = (self.now - self.oldest).total_seconds() if self.oldest else 0.0
        return self.timeout + max(0.0, waited)

    @property
    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {**json.loads(json.dumps(asdict(self), default=datetime.isoformat)), "rpo": self.rpo}


def findings(archive: Archive, limits: Limits) -> Iterator[str]:
    """What is wrong, one line each; nothing if a recovery would lose no more than allowed."""
    if not archive.archiving:
        yield "PostgreSQL doesn't archive: its command needs archive_mode=on and an archive_command of pgBackRest."
        return
    if not archive.timeout:
        yield "archive_timeout is 0, so a quiet database may lose hours: set it to 60s or less."
    waits = f"{archive.waiting} segments wait; {size(archive.wal)} of WAL, {size(archive.free)} free"
    if archive.failing:
        yield f"Archiving fails, last {_ago(archive, archive.failing)}: {waits}. The database's log says why."
    if archive.rpo is not None and archive.rpo > limits.rpo:
        yield f"RPO is {since(archive.rpo)}, allowed are {since(limits.rpo)}."
    if archive.store:
        yield f"{archive.store} {waits}."
    elif not archive.bases:
        yield "There is no base backup: make one with `tagship pitr.base`."
    elif archive.now - archive.bases[-1].ended > timedelta(seconds=limits.base):
        yield f"The newest base backup is too old, made {_ago(archive, archive.bases[-1].ended)}: make one daily."
    for first, last in archive.gaps:
        yield f"WAL is missing from {first} to {last}: nothing later can be recovered until `tagship pitr.base`."


def notes(archive: Archive) -> Iterator[str]:
    """What isn't wrong yet."""
    if archive.archiving and not archive.bound:
        yield f"Nothing bounds the WAL that waits while the store is down: set {BOUND}, or the disk may fill."


def look(engine: Engine, container: str, environment: Mapping[str, str]) -> Archive:
    """Look at the archive of the database in a container. `environment`: its variables. Raises BackupError."""
    raw = json.loads(query(engine, container, environment, QUERY))
    found = Repository(())
    gaps: list[tuple[str, str]] = []
    store = ""
    try:
        found = pgbackrest.repository(run(engine, container, pgbackrest.INFO))
        if found.bases and found.archive:
            listed = run(
                engine, container, (*pgbackrest.LIST, f"archive/{environment['PGBACKREST_STANZA']}/{found.archive}")
            )
            gaps = pgbackrest.gaps(pgbackrest.segments(listed), found.bases[-1].wal, raw["segment"])
    except BackupError:
        pass  # no stanza yet: `findings` says that there is no base backup
    except StoreError as error:
        store = error.problem
    return Archive(
        now=_time(raw["now"]) or datetime.now(UTC),
        archiving=raw["mode"] in {"on", "always"} and "pgbackrest" in raw["command"],
        timeout=raw["timeout"],
        last=_time(raw["last"]),
        failing=_time(raw["failed"]),
        waiting=raw["waiting"],
        oldest=_time(raw["oldest"]),
        wal=raw["bytes"],
        bound=environment.get(BOUND, ""),
        free=free(run(engine, container, ("df", "-Pk", environment["PGBACKREST_PG1_PATH"]))),
        bases=found.bases,
        gaps=tuple(gaps),
        store=store,
    )


def base(engine: Engine, container: str, kind: str) -> None:
    """Make a base backup, and the repository first if it is empty; pgBackRest then removes what it needn't keep.

    Raises BackupError, StoreError.
    """
    run(engine, container, ("pgbackrest", "stanza-create", *pgbackrest.QUIET))
    run(engine, container, ("pgbackrest", "backup", f"--type={kind}", "--start-fast", *pgbackrest.QUIET))


def query(engine: Engine, container: str, environment: Mapping[str, str], text: str, database: str = "postgres") -> str:
    """What a query prints, asked as the superuser of PostgreSQL's image. Raises BackupError."""
    user = environment.get("POSTGRES_USER") or "postgres"
    words = (*PSQL, f"--username={user}", f"--dbname={database}", f"--command={text}")
    secret = {"PGPASSWORD": environment["POSTGRES_PASSWORD"]} if environment.get("POSTGRES_PASSWORD") else {}
    with Program(engine, container, words, secret) as program:
        return program.rest().decode(errors="replace").strip()


def run(engine: Engine, container: str, argv: Sequence[str]) -> str:
    """The output of a program that runs as PostgreSQL's own user. Raises BackupError, StoreError."""
    with Program(engine, container, argv, user=POSTGRES) as program:
        try:
            return program.rest().decode(errors="replace")
        except BackupError as error:
            if argv[0] != "pgbackrest":
                raise
            raise _explained(error) from None


def free(printed: str) -> int:
    """The free bytes that `df -Pk` prints."""
    return int(printed.splitlines()[-1].split()[3]) * 1024


def _explained(error: BackupError) -> TagshipError:
    return pgbackrest.failure(error.problem.partition("\n")[2] or error.problem)


def _time(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(float(epoch), UTC)


def _ago(archive: Archive, at: datetime) -> str:
    return f"{since((archive.now - at).total_seconds())} ago"
