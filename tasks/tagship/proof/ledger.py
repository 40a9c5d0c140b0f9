"""The ledger: an append-only record of what was done to an environment; each line holds a hash of the line before."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from typing import Any, get_origin

from tagship.errors import SourceError
from tagship.names import Version
from tagship.release.model import Configuration, Migrations, Record, Release, Route, Shape, Sources

GOOD = "ok"
FAILED = "failed"
SWITCHED_BACK = "switched back"
ON, OFF = "on", "off"
"""The results of turning maintenance on and off."""
_NUMBER = (int, float)
_LOGS = re.compile(r"(while (starting|baking)):.*")
"""Container logs in entries of earlier versions, which may hold secrets."""


@dataclass(frozen=True)
class Entry:
    """One line: what was done, by whom, and how it ended. Times are ISO 8601 by the engine's clock."""

    at: str
    action: str
    result: str
    release: str
    tag: str
    previous: str = ""
    """The release that was live before."""
    by: str = ""
    run: str = ""
    seconds: float = 0
    why: str = ""
    """One line: what went wrong, or another remark."""
    restores: str = ""
    """The deploy that a rollback restores. Its name differs from the rollback's own if a secret has changed."""
    images: dict[str, str] = field(default_factory=dict)
    migrations: tuple[str, ...] = ()
    """The last applied migration of each app after this action, `app.0004_name`; empty if they weren't checked."""
    backup: str = ""
    """The id of the backup that was restored or tried, or made before migrating."""
    rpo: float = 0
    """Of a drill: seconds between the backup's snapshot and the drill, so what would have been lost."""
    rto: float = 0
    """Of a drill: seconds that it took to have the data back and checked."""
    paused: float = 0
    """Seconds between the stop of the old containers and the start of the new ones, while the edge held requests."""
    way_back: dict[str, Any] = field(default_factory=dict)
    """How to go back from it, as declared before its migrations were applied; empty if none were looked at."""
    chain: str = ""
    """sha256 of the line before; 64 zeros on the first line."""

    @property
    def proves(self) -> bool:
        """Whether the release was live and good, so that a rollback may go back to it."""
        return self.result == GOOD and self.brings

    @property
    def brings(self) -> bool:
        """Whether the action was one that brings a release: not a migration, a restore or a drill."""
        return any(self.action == action.value for action in Action if action.proves)


def parse(lines: tuple[str, ...]) -> tuple[Entry, ...]:
    """The entries of these lines, oldest first. Ignores unknown fields and lines that are no entries."""
    return tuple(entry for line in lines if (entry := _entry(line)))


def unreadable(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines that are no entries, for example truncated by a full disk."""
    return tuple(line for line in lines if line and _entry(line) is None)


def line(entry: Entry, before: str) -> str:
    """The next line of a ledger whose last line is `before` (empty for the first)."""
    return json.dumps(asdict(replace(entry, chain=_chain(before))), separators=(",", ":"), sort_keys=True)


def breaks(lines: tuple[str, ...]) -> Iterator[str]:
    """The problems of a whole ledger; each line that breaks the chain is named by its number, from 1.

    Nothing follows the last line, so a change of it, or a removal of lines after it, can't be detected.
    """
    before = ""
    for number, text in enumerate(lines, 1):
        entry = _entry(text)
        if entry is None:
            yield f"Line {number} is truncated: {text[:40]}…"
        elif entry.chain != _chain(before):
            after = (
                f"line {number - 1} was changed, or lines after it were removed"
                if before
                else "lines before it are missing"
            )
            yield f"Line {number} ({entry.at}, {entry.action} of {entry.release}) doesn't follow: {after}."
        before = text


def encode_record(record: Record) -> bytes:
    """A record as JSON: the release's own fields, and its configuration."""
    configuration = asdict(record.configuration) if record.configuration else None
    return json.dumps({**asdict(record.release), "configuration": configuration}, separators=(",", ":")).encode()


def decode_record(kept: bytes) -> Record | None:
    """The record, or None if the data is truncated or invalid. Records of older versions have no configuration."""
    try:
        raw: dict[str, Any] = _of(dict, json.loads(kept))
        return Record(_release(raw), _configuration(raw.get("configuration")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SourceError):
        return None


def _chain(before: str) -> str:
    return hashlib.sha256(before.encode()).hexdigest() if before else "0" * 64


def _entry(line: str) -> Entry | None:
    known = set(Entry.__dataclass_fields__)
    try:
        entry = Entry(**{key: _frozen(value) for key, value in json.loads(line).items() if key in known})
        for each in fields(entry):
            kind: Any = get_origin(each.type) or each.type
            _of(_NUMBER if kind is float else kind, getattr(entry, each.name))
        _names(entry.images)
        _texts(entry.migrations)
        return replace(entry, why=_LOGS.sub(r"\1", next(iter(entry.why.splitlines()), "")))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _of(kind: type | tuple[type, ...], value: Any) -> Any:  # noqa: ANN401 - JSON
    """The value. Raises TypeError if it is of another kind."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind in {int, _NUMBER}):
        raise TypeError(value)
    return value


def _names(value: object) -> dict[str, str]:
    """A table of texts. Raises TypeError."""
    return {_of(str, key): _of(str, each) for key, each in _of(dict, value).items()}


def _texts(value: object) -> tuple[str, ...]:
    """Several texts. Raises TypeError."""
    return tuple(_of(str, each) for each in _of((list, tuple), value))


def _configuration(raw: dict[str, Any] | None) -> Configuration | None:
    if raw is None:
        return None
    known = set(Configuration.__dataclass_fields__)
    found = Configuration(**{key: value for key, value in _of(dict, raw).items() if key in known})
    for each in vars(found).values():
        _names(each) if isinstance(each, dict) else _of(str, each)
    return found


def _release(raw: dict[str, Any]) -> Release:
    shape = raw["shape"]
    migrations = shape["migrations"]
    if migrations:
        known = Migrations.__dataclass_fields__
        migrations = Migrations(**{key: _frozen(value) for key, value in migrations.items() if key in known})
    return Release(
        version=Version(**raw["version"]),
        images=_names(raw["images"]),
        sources=Sources(_of(dict, raw["sources"]["model"]), _names(raw["sources"]["files"])),
        shape=Shape(
            services=_texts(shape["services"]),
            routes=tuple(_route(route) for route in shape["routes"]),
            accessories=_texts(shape["accessories"]),
            singletons=_texts(shape["singletons"]),
            migrations=migrations,
            recreate=shape.get("recreate") is True,
        ),
    )


def _route(raw: dict[str, Any]) -> Route:
    route = Route(**{key: value for key, value in raw.items() if key in Route.__dataclass_fields__})
    _texts([route.path, route.service, route.strip, route.assets])
    _of(int, route.port)
    return route


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON
    return tuple(value) if isinstance(value, list) else value


class Action(Enum):
    """The kinds of changes to an environment; the values are used in the ledger."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    MIGRATE = "migrate"
    RESTORE = "restore"
    DRILL = "drill"
    RECOVERY_DRILL = "pitr.drill"
    RESTART = "restart"
    SCALE = "scale"
    MAINTENANCE = "maintenance"
    SEED = "seed"

    @property
    def migrates(self) -> bool:
        """Whether pending migrations are applied. A rollback leaves the schema as it is."""
        return self is not Action.ROLLBACK

    @property
    def proves(self) -> bool:
        """Whether a success proves a release live and good, so that a rollback may go back to it."""
        return self in {Action.DEPLOY, Action.ROLLBACK}

    def __str__(self) -> str:
        return self.value
