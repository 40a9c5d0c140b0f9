"""Restores a database into a new one beside the old, checks it, then swaps both by renaming them in one transaction.

The old database is kept under a name of its own. Until the swap, nothing that the app uses is touched.
"""

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tagship.backups import parts, postgres, rights
from tagship.backups.manifest import Database, Manifest
from tagship.backups.postgres import Access, Session, literal, quoted
from tagship.backups.rights import Rights
from tagship.backups.store import Store
from tagship.backups.workbench import Workbench
from tagship.errors import BackupError, TagshipError
from tagship.names import Place
from tagship.reporting.table import size
from tagship.system.threads import Thread

ROOM = 1.2
"""Free space that a restore needs, as a multiple of the database's size in the backup: its indexes are built anew."""
_LONGEST = 63 - len("_restore_20261127t101530z_a1b2c3")
"""PostgreSQL's limit for names is 63 bytes."""
_LEFT = r"_restore_\d{8}t\d{6}z_[0-9a-f]{6}"
"""How the database of a restore that was killed is named, behind the database's own name."""
_SWAP_ATTEMPTS = 5
_SERVER = """
SELECT jsonb_build_object('version', current_setting('server_version_num')::int,
  'time', to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"t"HH24MISS'),
  'databases', (SELECT jsonb_agg(datname ORDER BY datname) FROM pg_database WHERE datallowconn));
"""


_INVALID = """
SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i';
"""
"""Partitioned indexes that were never attached everywhere are invalid, and so they are dumped."""


@dataclass(frozen=True)
class Standing:
    """The database server before a restore."""

    version: int
    """server_version_num, 150014 for 15.14."""
    databases: Sequence[str]
    time: str
    """By its clock, in UTC: 20261127t101530."""
    disk_free: int | None
    """Bytes; None if unknown, as for a managed database."""


@dataclass(frozen=True)
class Plan:
    """What a restore will do."""

    backup: Manifest
    database: str
    """The database that the app uses; it is replaced."""
    loading: str
    """The name of the new one until the swap; without a swap, for good."""
    kept: str
    """The old one's name afterwards; empty if there is none, or if nothing is swapped."""
    leftovers: tuple[str, ...] = ()
    """Unfinished databases of restores that were killed."""
    foreign: bool = False
    """Whether the backup is another environment's, whose owners and settings have no place here."""

    @property
    def lines(self) -> list[str]:
        """The steps."""
        lines = [
            *(f"Drop {name}, left by a restore that was killed" for name in self.leftovers),
            f"Load backup {self.backup.id}, of {self.backup.at[:19]}Z, into the new database {self.loading}",
            "Compare rows and migrations with the backup's manifest",
        ]
        if self.kept:
            lines.append(f"Swap: {self.database} becomes {self.kept}, {self.loading} becomes {self.database}")
        elif self.loading != self.database:
            lines.append(f"Rename {self.loading} to {self.database}")
        return lines


def maintenance(access: Access) -> Access:
    """The database to connect to while others are created and renamed."""
    return access.to("postgres" if access.database != "postgres" else "template1")


def observe(bench: Workbench, access: Access, disk_free: int | None) -> Standing:
    """Look at the server."""
    with Session(bench, maintenance(access)) as session:
        found = session.value(_SERVER)
    return Standing(**found, disk_free=disk_free)


def plan(backup: Manifest, place: Place, name: str, now: Standing, into: str = "") -> Plan:
    """Decide how database `name` is replaced, or `into` created. Pure. Raises BackupError with every obstacle."""
    found = list(_obstacles(backup, place.app, now, into))
    if found:
        raise BackupError("\n".join(found), hint="solve this first; nothing was changed")
    stamp = backup.id.replace("-", "_").lower()
    leftovers = tuple(other for other in now.databases if re.fullmatch(re.escape(_stem(name)) + _LEFT, other))
    foreign = backup.environment != place.environment
    if into:
        return Plan(backup, into, into, "", leftovers, foreign)
    kept = f"{_stem(name)}_until_{now.time}" if name in now.databases else ""
    return Plan(backup, name, f"{_stem(name)}_restore_{stamp}", kept, leftovers, foreign)


def _obstacles(backup: Manifest, app: str, now: Standing, into: str) -> Iterator[str]:
    if backup.app != app:
        yield f"Backup {backup.id} is of {backup.app}, not of {app}."
    if backup.database is None:
        yield f"Backup {backup.id} holds no database."
        return
    if (theirs := _major(backup.database.server)) > (ours := now.version // 10_000):
        yield f"Backup {backup.id} is of PostgreSQL {theirs}, and this server is {ours}, which is older."
    needed = int(backup.database.size * ROOM)
    if now.disk_free is not None and now.disk_free < needed:
        yield f"The restore needs {size(needed)} of disk beside the old database, and {size(now.disk_free)} are free."
    if into and into in now.databases:
        yield f"The database {into} exists already."


def load(bench: Workbench, access: Access, what: Plan, store: Store, identities: Sequence[Any]) -> list[str]:
    """Load and check the new database; remove it again if that fails.

    Returns which rights of the backup the server refuses.
    """
    facts = what.backup.database or Database("", "")
    with Session(bench, maintenance(access)) as server:
        server.do(*(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE);" for name in what.leftovers))
        old = rights.read(server, what.database)
        created = create_roles(server, facts)
        create_database(server, what.loading, replace(facts, owner="") if what.foreign else facts)
        try:
            fill(bench, access.to(what.loading), what.backup, store, identities, owners=not what.foreign)
            server.do(*rights.carried_over(old, what.loading))
            refused: list[str] = []
            if not what.foreign:
                refused = add_rights(server, what.loading, what.backup, old, created, store, identities)
            elif old.owner not in {"", access.user}:
                server.do(f"ALTER DATABASE {quoted(what.loading)} OWNER TO {quoted(old.owner)};")
            check(bench, access.to(what.loading), facts)
        except BaseException:
            with contextlib.suppress(TagshipError):  # the cause is what matters; the next restore drops it
                server.do(f"DROP DATABASE IF EXISTS {quoted(what.loading)} WITH (FORCE);")
            raise
    return refused


def create_roles(server: Session, facts: Database) -> list[str]:
    """Create missing roles, without a login: a dump names them as owners and grantees. Returns their names."""
    there = server.value("SELECT jsonb_agg(rolname) FROM pg_roles;")
    missing = dict.fromkeys(role for role in (*facts.roles, facts.owner) if role not in {"", *there})
    server.do(*(f"CREATE ROLE {quoted(role)} NOLOGIN;" for role in missing))
    return list(missing)


def create_database(server: Session, name: str, facts: Database) -> None:
    """Create an empty database with the encoding and the owner of the backup's."""
    options = [f"ENCODING {literal(facts.encoding)}"] if facts.encoding else []
    options += [f"LC_COLLATE {literal(facts.collate)}"] if facts.collate else []
    options += [f"LC_CTYPE {literal(facts.ctype)}"] if facts.ctype else []
    options += [f"OWNER {quoted(facts.owner)}"] if facts.owner else []
    server.do(f"CREATE DATABASE {quoted(name)} TEMPLATE template0 {' '.join(options)};")


def fill(  # noqa: PLR0913 - from where, to where
    bench: Workbench,
    access: Access,
    backup: Manifest,
    store: Store,
    identities: Sequence[Any],
    *,
    owners: bool = True,
) -> None:
    """Load a dump into an empty database; without `owners`, all in it belongs to who loads it.

    Raises BackupError if the stored bytes differ from the manifest.
    """
    part = next(part for part in backup.parts if part.kind == "postgres")
    with (
        parts.opened(store, backup, part, identities) as source,
        postgres.loader(bench, access, owners=owners) as program,
    ):
        program.feed(source)


def add_rights(  # noqa: PLR0913, PLR0917 - of what, to what
    server: Session,
    database: str,
    backup: Manifest,
    old: Rights,
    created: Sequence[str],
    store: Store,
    identities: Sequence[Any],
) -> list[str]:
    """Give a restored database and its roles what the server lacks. Returns what the server refuses."""
    part = next((part for part in backup.parts if part.kind == rights.KIND), None)
    if part is None:  # of an earlier version
        return []
    with parts.opened(store, backup, part, identities) as source:
        stored = b"".join(iter(source.read, b""))
    return rights.add(server, database, rights.missing(old, rights.decode(stored), created))


def check(bench: Workbench, access: Access, facts: Database) -> None:
    """Compare a restored database with what the manifest says, and gather statistics. Raises BackupError."""
    with Session(bench, access) as session:
        if facts.search_path:
            session.text(f"SELECT set_config('search_path', {literal(facts.search_path)}, false);")
        rows = session.value(postgres.COUNTS)
        wrong = [
            f"{table}: {rows.get(table, 'missing')} rows instead of {count}"
            for table, count in facts.rows.items()
            if rows.get(table) != count
        ]
        wrong += [f"{table} isn't in the backup" for table in rows.keys() - facts.rows.keys()]
        if facts.leaves and (leaves := tuple(session.value(postgres.LEAVES))) != facts.leaves:
            wrong.append(f"the last migrations are {', '.join(leaves)} instead of {', '.join(facts.leaves)}")
        if invalid := session.value(_INVALID):
            wrong.append(f"{invalid} indexes are invalid")
        if facts.postgis and not session.value("SELECT to_jsonb(postgis_version() <> '');"):
            wrong.append("PostGIS doesn't answer")
        if wrong:
            raise BackupError("The restored database differs from the backup:\n" + "\n".join(wrong))
        session.do("ANALYZE;")


def swap(bench: Workbench, access: Access, what: Plan) -> None:
    """Give the new database the old one's name, in one transaction.

    A rename takes a lock that lets nobody connect, and waits five seconds for those that are connected, so these are
    disconnected meanwhile from a second session. Raises BackupError if they don't go; then nothing was changed.
    """
    renames = [f"ALTER DATABASE {quoted(what.loading)} RENAME TO {quoted(what.database)};"]
    if what.kept:
        renames.insert(0, f"ALTER DATABASE {quoted(what.database)} RENAME TO {quoted(what.kept)};")
    for left in reversed(range(_SWAP_ATTEMPTS)):
        try:
            _rename(bench, maintenance(access), what, renames)
        except BackupError:
            if _swapped(bench, access, what):  # the answer was lost, not the transaction
                return
            if not left:
                raise
        else:
            return


def _rename(bench: Workbench, access: Access, what: Plan, renames: Sequence[str]) -> None:
    with Session(bench, access) as renaming, Session(bench, access) as evicting:
        done = threading.Event()
        thread = Thread(target=_evict, args=(evicting, [what.database, what.loading], done), daemon=True)
        thread.start()
        try:
            renaming.do("BEGIN;", *renames, "COMMIT;")
        finally:
            done.set()
            thread.join()


def _swapped(bench: Workbench, access: Access, what: Plan) -> bool:
    there = observe(bench, access, None).databases
    return what.loading not in there and what.database in there and (not what.kept or what.kept in there)


def _evict(session: Session, databases: Sequence[str], done: threading.Event) -> None:
    names = ", ".join(map(literal, databases))
    with contextlib.suppress(BackupError):  # the rename says why it fails
        while not done.wait(0.05):
            session.value(
                "SELECT to_jsonb(count(pg_terminate_backend(pid))) FROM pg_stat_activity "
                f"WHERE datname IN ({names}) AND pid <> pg_backend_pid() AND backend_type = 'client backend';"
            )


def _stem(name: str) -> str:
    """A database's name, short enough for what is put behind it."""
    return name.encode()[:_LONGEST].decode(errors="ignore")


def _major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0].split(maxsplit=1)[0])
