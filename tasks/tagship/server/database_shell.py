"""Finds the shell of a database's container: psql, mysql or redis-cli, with the container's own variables."""

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import CheckError
from tagship.secret import Secret
from tagship.server.present import Present
from tagship.system.parallel import together

_VALUE = 'v() { eval "x=\\${$1-} f=\\${${1}_FILE-}"; [ -n "$x" ] || [ -z "$f" ] || x=$(cat "$f"); printf %s "$x"; }; '
"""A variable's value, or what is in the file that NAME_FILE names, as the images of databases take it."""
_POSTGRES = (
    'u=$(v POSTGRES_USER); d=$(v POSTGRES_DB); u=${u:-postgres}; export PGPASSWORD="$(v POSTGRES_PASSWORD)"; '
    'exec psql -U "$u" -d "${d:-$u}" "$@"'
)
_MYSQL = (
    'for k in MYSQL MARIADB; do [ -n "$u" ] || { u=$(v ${k}_USER); p=$(v ${k}_PASSWORD); }; '
    '[ -n "$r" ] || r=$(v ${k}_ROOT_PASSWORD); [ -n "$d" ] || d=$(v ${k}_DATABASE); done; '
    '[ -n "$u" ] || { u=root; p=$r; }; export MYSQL_PWD="$p"; '
    'c=$(command -v mariadb || echo mysql); exec "$c" -u "$u" ${d:+-D "$d"} "$@"'
)
_REDIS = (
    'export REDISCLI_AUTH="${REDISCLI_AUTH:-$(v REDIS_PASSWORD)}"; [ -n "$REDISCLI_AUTH" ] || unset REDISCLI_AUTH; '
    'c=$(command -v redis-cli || echo valkey-cli); exec "$c" "$@"'
)
_KINDS = {"psql": ("postgres", _POSTGRES), "mysql": ("mysql", _MYSQL), "redis-cli": ("redis", _REDIS)}
_SERVERS = {
    "postgres": "psql",
    "mysqld": "mysql",
    "mariadbd": "mysql",
    "redis-server": "redis-cli",
    "valkey-server": "redis-cli",
}
_VARIABLES = {
    "POSTGRES_": "psql",
    "PGDATA": "psql",
    "MYSQL_": "mysql",
    "MARIADB_": "mysql",
    "REDIS_": "redis-cli",
    "VALKEY_": "redis-cli",
}
_OPTION = "--requirepass"


@dataclass(frozen=True)
class Shell:
    """A database's shell."""

    program: str
    password: Secret | None = field(default=None, repr=False)
    """Redis's, if it is only in the arguments of its server."""

    @property
    def argv(self) -> list[str]:
        """The command, to which more arguments may be added."""
        return ["sh", "-c", _VALUE + _KINDS[self.program][1], self.program]

    def environment(self) -> dict[str, str]:
        """Variables for the command alone."""
        return {"REDISCLI_AUTH": self.password.reveal()} if self.password else {}


def of(engine: Engine, present: Present, name: str) -> tuple[Container, Shell]:
    """The accessory and its shell. Raises CheckError if it is none of a known database."""
    accessories = present.of(present.place.accessories)
    if name:
        accessories = present.chosen(present.place.accessories, [name])
    configs = together(lambda c: engine.get(f"/containers/{c.id}/json")["Config"], accessories)
    found = [(c, shell) for c, config in zip(accessories, configs, strict=True) if (shell := recognised(config))]
    order = list(_KINDS)
    if found:
        return min(found, key=lambda pair: (order.index(pair[1].program), not pair[0].running))
    known = ", ".join(dict.fromkeys(c.service for c in present.of(present.place.accessories)))
    other = "use `tagship exec` for another program"
    which = f"The accessory {name}" if name else "No accessory"
    raise CheckError(
        f"{which} {'is no' if name else 'is a'} PostgreSQL, MySQL or Redis.",
        hint=f"use --name with one of: {known}; or {other}" if known else other,
    )


def recognised(config: Mapping[str, object]) -> Shell | None:
    """The shell for a container with this configuration, by its program, then by its variables. Pure."""
    words = _texts(config.get("Entrypoint")) + _texts(config.get("Cmd"))
    names = [variable.partition("=")[0] for variable in _texts(config.get("Env"))]
    program = next((_SERVERS[base] for word in words if (base := word.rpartition("/")[2]) in _SERVERS), "")
    program = program or next(
        (kind for name in names for prefix, kind in _VARIABLES.items() if name.startswith(prefix)), ""
    )
    if not program:
        return None
    return Shell(program, _redis_password(words) if program == "redis-cli" else None)


def _redis_password(words: Sequence[str]) -> Secret | None:
    """The password after `--requirepass`: a word of its own, or one in a script that the shell changes nothing of."""
    for option, value in itertools.pairwise(words):
        if option == _OPTION:
            return Secret(value) if value else None
    for script in words:
        try:
            parts = shlex.split(script) if _OPTION in script else []
        except ValueError:
            continue
        for option, value in itertools.pairwise(parts):
            if option == _OPTION and value and not set(value) & set("$`;|&"):
                return Secret(value)
    return None


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value] if isinstance(value, list) else []
