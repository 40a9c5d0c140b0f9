"""What belongs to a database and its roles, but not into a dump: settings, memberships, and the database's grants.

A backup has it as a part of its own, encrypted, because a setting may hold a secret.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tagship.backups.postgres import Session, literal, quoted
from tagship.errors import BackupError

KIND = "roles"
"""Of the part; the name of its file begins with this."""
_LISTS = (
    "local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries",
    "temp_tablespaces", "unix_socket_directories",
)  # fmt: skip
"""Settings whose stored value is a quoted list already, so it must not be quoted again (pg_dump's dumputils.c)."""
_QUERY = """
SELECT jsonb_build_object(
  'settings', (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'role', CASE s.setrole WHEN 0 THEN '' ELSE pg_get_userbyid(s.setrole) END, 'here', s.setdatabase <> 0,
      'name', split_part(c, '=', 1), 'value', substr(c, strpos(c, '=') + 1))), '[]')
    FROM pg_db_role_setting s, unnest(s.setconfig) c
    WHERE s.setdatabase = d.oid OR (s.setdatabase = 0 AND s.setrole <> 0)),
  'memberships', (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'role', pg_get_userbyid(m.roleid), 'member', pg_get_userbyid(m.member), 'admin', m.admin_option)), '[]')
    FROM pg_auth_members m WHERE pg_get_userbyid(m.member) NOT LIKE 'pg\\_%'),
  'grants', (SELECT coalesce(jsonb_agg(jsonb_build_object(
      'role', CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END, 'privilege', a.privilege_type,
      'passes', a.is_grantable)), '[]') FROM aclexplode(d.datacl) a),
  'explicit', d.datacl IS NOT NULL, 'owner', pg_get_userbyid(d.datdba)
) FROM (SELECT 1) one LEFT JOIN pg_database d ON d.datname = {};
"""


@dataclass(frozen=True)
class Setting:
    """A setting of the database, of a role, or of a role in the database."""

    role: str
    """Empty for the database itself."""
    here: bool
    """Whether it holds in this database only."""
    name: str
    value: str
    """As stored."""

    def command(self, database: str) -> str:
        """Sets it in a database."""
        where = f"DATABASE {quoted(database)}"
        if self.role:
            where = f"ROLE {quoted(self.role)}{f' IN {where}' if self.here else ''}"
        name = ".".join(quoted(word) for word in self.name.split("."))
        return f"ALTER {where} SET {name} TO {self.value if self.name in _LISTS else literal(self.value)};"

    def __str__(self) -> str:
        return f"the setting {self.name} of {self.role or 'the database'}"


@dataclass(frozen=True)
class Membership:
    """A role in another one."""

    role: str
    member: str
    admin: bool

    @property
    def command(self) -> str:
        """Makes it a member."""
        return f"GRANT {quoted(self.role)} TO {quoted(self.member)}{' WITH ADMIN OPTION' if self.admin else ''};"

    def __str__(self) -> str:
        return f"that {self.member} is a member of {self.role}"


@dataclass(frozen=True)
class Grant:
    """What a role may do with the database."""

    role: str
    """Empty for everybody."""
    privilege: str
    passes: bool
    """Whether it may pass that on."""

    def command(self, database: str) -> str:
        """Grants it on a database."""
        to = quoted(self.role) if self.role else "PUBLIC"
        passes = " WITH GRANT OPTION" if self.passes else ""
        return f"GRANT {self.privilege} ON DATABASE {quoted(database)} TO {to}{passes};"

    def __str__(self) -> str:
        return f"{self.privilege} for {self.role or 'everybody'}"


@dataclass(frozen=True)
class Rights:
    """Settings, memberships and grants, of a backup or of a database that stands."""

    settings: tuple[Setting, ...] = ()
    memberships: tuple[Membership, ...] = ()
    grants: tuple[Grant, ...] = ()
    explicit: bool = False
    """Whether grants were ever changed; else PostgreSQL's default holds, by which everybody may connect."""
    owner: str = ""
    """Empty where there is no such database."""

    def encoded(self) -> io.BytesIO:
        """As a part of a backup."""
        return io.BytesIO(json.dumps(asdict(self)).encode())


NONE = Rights()


def read(session: Session, database: str) -> Rights:
    """Those of a database; of the server's roles alone if there is no such database."""
    return _rights(session.value(_QUERY.format(literal(database))))


def decode(stored: bytes) -> Rights:
    """Those of a backup's part. Raises BackupError."""
    try:
        return _rights(json.loads(stored))
    except (ValueError, KeyError, TypeError):
        raise BackupError("The roles of the backup can't be read.") from None


def missing(old: Rights, backup: Rights, created: Sequence[str]) -> Rights:
    """What a backup has and the server lacks. `created`: roles that the restore has made.

    What the server has stays: its settings, its database's grants, the memberships of its roles.
    """
    there = {(each.role, each.here, each.name) for each in old.settings}
    return replace(
        backup,
        settings=tuple(each for each in backup.settings if (each.role, each.here, each.name) not in there),
        memberships=tuple(each for each in backup.memberships if {each.role, each.member} & {*created}),
        grants=() if old.explicit else backup.grants,
        explicit=backup.explicit and not old.explicit,
    )


def carried_over(old: Rights, database: str) -> Iterator[str]:
    """Commands that give a new database what the old one has. Extensions change settings while they are created."""
    if old.owner:
        yield f"ALTER DATABASE {quoted(database)} RESET ALL;"
    if old.explicit:
        yield f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC;"
    yield from (grant.command(database) for grant in old.grants)
    yield from (setting.command(database) for setting in old.settings if setting.here)


def add(session: Session, database: str, rights: Rights) -> list[str]:
    """Give them to a database and its roles. Returns what the server refuses, as on one where we aren't superuser."""
    steps: list[tuple[str, str]] = []
    if rights.explicit:
        steps.append(("the database's grants", f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC;"))
    steps += [(str(grant), grant.command(database)) for grant in rights.grants]
    steps += [(str(setting), setting.command(database)) for setting in rights.settings]
    steps += [(str(membership), membership.command) for membership in rights.memberships]
    if not steps:
        return []
    session.do("CREATE TEMP TABLE refused (what text);", *(_tolerant(what, command) for what, command in steps))
    refused = session.value("SELECT coalesce(jsonb_agg(what), '[]') FROM refused;")
    session.do("DROP TABLE refused;")
    return list(refused)


def _tolerant(what: str, command: str) -> str:
    """Runs a command, and notes if it fails; not why, because the reason may quote a setting's value."""
    noted = f"INSERT INTO pg_temp.refused VALUES ({literal(what)})"
    body = f"BEGIN EXECUTE {literal(command)}; EXCEPTION WHEN OTHERS THEN {noted}; END"
    return f"DO {literal(body)};"


def _rights(raw: Mapping[str, Any]) -> Rights:
    return Rights(
        settings=tuple(Setting(**each) for each in raw["settings"] or ()),
        memberships=tuple(Membership(**each) for each in raw["memberships"] or ()),
        grants=tuple(Grant(**each) for each in raw["grants"] or ()),
        explicit=bool(raw["explicit"]),
        owner=raw["owner"] or "",
    )
