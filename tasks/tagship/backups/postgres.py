"""One PostgreSQL database, reached from a workbench by the programs of its own image: psql, pg_dump, pg_restore."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tagship.backups.manifest import Database
from tagship.backups.program import Program
from tagship.backups.workbench import Workbench
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import BackupError, ConfigError
from tagship.names import Place
from tagship.reporting import redaction

_PSQL = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1")
_LIMITS = """
SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',
  'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout') \\g /dev/null
"""
"""Limits that a role or a database may set for the app; a backup must outlast them, as pg_dump does."""
_DUMP = ("pg_dump", "--format=custom", "--compress=0", "--no-password")
_RESTORE = ("pg_restore", "--exit-on-error", "--no-password", "--no-tablespaces")

COUNTS = """
SELECT coalesce(jsonb_object_agg(t.name, t.rows), '{}') FROM (
  SELECT format('%s.%s', n.nspname, c.relname) AS name,
    (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM ONLY %I.%I', n.nspname, c.relname),
      false, true, '')))[1]::text::bigint AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname NOT LIKE 'pg\\_%'
    AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
      AND d.deptype = 'e')
) t;
"""
"""`schema.table` → rows, without tables that belong to extensions, whose content a dump leaves to the extension,
and without materialized views, which a restore refreshes."""
_FACTS = """
SELECT jsonb_build_object(
  'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
  'name', current_database(),
  'server', current_setting('server_version'),
  'postgis', coalesce((SELECT extversion FROM pg_extension WHERE extname = 'postgis'), ''),
  'size', pg_database_size(current_database()),
  'search_path', current_setting('search_path'),
  'owner', pg_get_userbyid(d.datdba), 'encoding', pg_encoding_to_char(d.encoding),
  'collate', d.datcollate, 'ctype', d.datctype,
  'roles', (SELECT coalesce(jsonb_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%'),
  'django', to_regclass('django_migrations') IS NOT NULL
) FROM pg_database d WHERE d.datname = current_database();
"""
LEAVES = """
SELECT coalesce(jsonb_agg(m.app || '.' || m.name ORDER BY m.app), '[]') FROM django_migrations m
WHERE m.id = (SELECT max(id) FROM django_migrations l WHERE l.app = m.app);
"""


@dataclass(frozen=True)
class Access:
    """Where a database is, and as whom to enter."""

    database: str
    user: str
    password: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: str = "5432"
    tls: Mapping[str, str] = field(default_factory=dict)
    """libpq's variables for TLS, such as PGSSLMODE."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that libpq reads."""
        given = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": self.user,
            "PGDATABASE": self.database,
            "PGCONNECT_TIMEOUT": "10",
            "PGAPPNAME": "tagship",
            **self.tls,
        }
        return given | ({"PGPASSWORD": self.password} if self.password else {})

    def to(self, database: str) -> "Access":
        """The same server, another database."""
        return replace(self, database=database)


@dataclass(frozen=True)
class Server:
    """Where a database runs: the image with its programs, and how a workbench reaches it."""

    access: Access
    image: str
    host: Mapping[str, Any]
    """The workbench's HostConfig."""
    service: str
    """The accessory, or `database` for a managed one."""
    container: str = ""
    """The accessory's container; empty for a managed database."""


def accessory(engine: Engine, place: Place, service: str = "") -> Server:
    """The database of an accessory: the given one, or the only one that runs PostgreSQL.

    A workbench shares its network, so that the server sees a connection from its own loopback. Raises ConfigError if it
    isn't clear which, BackupError if it doesn't run.
    """
    there = {c.service: c for c in containers.of(engine, place.accessories)}
    found = {name: engine.get(f"/containers/{c.id}/json") for name, c in there.items() if service in {"", name}}
    databases = {name: raw for name, raw in found.items() if service or "PGDATA" in _environment(raw)}
    if len(databases) != 1:
        which = ", ".join(sorted(databases)) or "none"
        raise ConfigError(
            f"{place} has no accessory {service}." if service else f"Accessories that run PostgreSQL: {which}.",
            hint="start it with `tagship accessories.up`, or set backups.database.service",
        )
    ((name, raw),) = databases.items()
    if not raw["State"]["Running"]:
        raise BackupError(f"{name} doesn't run.", hint="start it with `tagship accessories.up`")
    given = _environment(raw)
    user = given.get("POSTGRES_USER") or "postgres"
    password = given.get("POSTGRES_PASSWORD", "")
    redaction.conceal((password,) if password else ())
    access = Access(given.get("POSTGRES_DB") or user, user, password)
    return Server(access, raw["Image"], {"NetworkMode": f"container:{raw['Id']}"}, name, raw["Id"])


def managed(url: str, image: str, network: str) -> Server:
    """A managed database by its URL, reached with an image's programs. Raises ConfigError without repeating the URL."""
    redaction.conceal((url,))
    try:
        parts = urlsplit(url)
        port = str(parts.port or 5432)
    except ValueError:
        parts, port = urlsplit(""), ""
    database = unquote(parts.path.lstrip("/"))
    if (
        parts.scheme.partition("+")[0] not in {"postgres", "postgresql", "postgis"}
        or not parts.hostname
        or not database
    ):
        raise ConfigError(
            "The database's URL can't be used.", hint="write postgres://USER:PASSWORD@HOST[:PORT]/NAME[?sslmode=…]"
        )
    tls = {f"PG{name.upper()}": value for name, value in parse_qsl(parts.query) if name.startswith("ssl")}
    user, password = unquote(parts.username or "postgres"), unquote(parts.password or "")
    redaction.conceal((password,) if password else ())
    access = Access(database, user, password, parts.hostname, port, tls)
    return Server(access, image, {"NetworkMode": network}, "database")


class Session:
    """A connection by psql that stays open. Each query returns one JSON value."""

    def __init__(self, bench: Workbench, access: Access) -> None:
        self._psql = bench.open(_PSQL, access.environment)
        self.do(_LIMITS)

    def value(self, query: str) -> Any:  # noqa: ANN401 - JSON
        """The value of a query that returns one, as jsonb or text. Raises BackupError with psql's words."""
        self._psql.write(query.encode() + b"\n")
        return json.loads(self._line())

    def text(self, query: str) -> str:
        """The value of a query that returns a text of one line."""
        self._psql.write(query.encode() + b"\n")
        return self._line()

    def do(self, *commands: str) -> None:
        """Run commands that return nothing. Raises BackupError with psql's words."""
        self._psql.write("\n".join((*commands, "\\echo done", "")).encode())
        self._line()

    def close(self) -> None:
        """End the session."""
        self._psql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self) -> str:
        line = self._psql.line()
        if line is None:
            self._psql.rest()  # raises what went wrong
            raise BackupError("psql ended without an answer.")
        return line


@dataclass(frozen=True)
class Snapshot:
    """A moment of a database that a dump and counts share while the session stays open."""

    session: Session
    name: str
    at: str
    database: Database


@contextmanager
def snapshot(bench: Workbench, access: Access) -> Iterator[Snapshot]:
    """Open a snapshot, with the database's facts at that moment; rows are counted later."""
    with Session(bench, access) as session:
        session.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;")
        facts = session.value(_FACTS)
        at, django = facts.pop("at"), facts.pop("django")
        facts["roles"] = tuple(facts["roles"])
        leaves = tuple(session.value(LEAVES)) if django else ()
        yield Snapshot(session, session.text("SELECT pg_export_snapshot();"), at, Database(**facts, leaves=leaves))


def dump(bench: Workbench, access: Access, of: Snapshot) -> Program:
    """The database at a snapshot, as a stream in pg_dump's custom format."""
    return bench.open((*_DUMP, f"--snapshot={of.name}"), access.environment)


def listing(bench: Workbench) -> Program:
    """pg_restore, waiting for a dump whose contents it lists."""
    return bench.open(("pg_restore", "--list"))


def loader(bench: Workbench, access: Access, *, owners: bool = True) -> Program:
    """pg_restore, waiting for a dump to load into an existing, empty database."""
    mine = () if owners else ("--no-owner",)
    return bench.open((*_RESTORE, *mine, f"--dbname={access.database}"), access.environment)


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _environment(raw: Mapping[str, Any]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in raw["Config"].get("Env") or ())
