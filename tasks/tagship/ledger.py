"""The ledger: an append-only record of what was done to an environment, each line chained to the last by a hash."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tagship.model import Migrations, Release, Route, Shape, Sources, Version

GOOD = "ok"
FAILED = "failed"
SWITCHED_BACK = "switched back"


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
    images: dict[str, str] = field(default_factory=dict)
    migrations: tuple[str, ...] = ()
    """The leaf of each app's applied migrations after this, `app.0004_name`; empty when they weren't looked at."""
    chain: str = ""
    """sha256 of the line before; 64 zeros on the first."""

    @property
    def proves(self) -> bool:
        """Whether its release was live and good, so that a rollback may go back to it."""
        return self.result == GOOD and self.action in {"deploy", "rollback"}


def parse(lines: tuple[str, ...]) -> tuple[Entry, ...]:
    """The entries of some lines, oldest first; fields of a later version are passed over."""
    known = set(Entry.__dataclass_fields__)
    return tuple(Entry(**{k: _frozen(v) for k, v in json.loads(line).items() if k in known}) for line in lines if line)


def line(entry: Entry, before: str) -> str:
    """The next line of a ledger whose last is `before` (empty for the first)."""
    chain = hashlib.sha256(before.encode()).hexdigest() if before else "0" * 64
    return json.dumps(asdict(replace(entry, chain=chain)), separators=(",", ":"), sort_keys=True)


def breaks(lines: tuple[str, ...]) -> Iterator[int]:
    """Where, counted from 0, a line doesn't carry the hash of the line before it."""
    for number, (before, after) in enumerate(itertools.pairwise(lines), 1):
        if json.loads(after)["chain"] != hashlib.sha256(before.encode()).hexdigest():
            yield number


def encode_release(release: Release) -> bytes:
    """A release as the record that a rollback renders it from again: JSON."""
    return json.dumps(asdict(release), separators=(",", ":")).encode()


def decode_release(record: bytes) -> Release:
    """The release of a record."""
    raw: dict[str, Any] = json.loads(record)
    shape = raw["shape"]
    migrations = shape["migrations"]
    if migrations:
        migrations = Migrations(**{key: _frozen(value) for key, value in migrations.items()})
    return Release(
        version=Version(**raw["version"]),
        images=raw["images"],
        sources=Sources(**raw["sources"]),
        shape=Shape(
            services=tuple(shape["services"]),
            routes=tuple(Route(**route) for route in shape["routes"]),
            accessories=tuple(shape["accessories"]),
            singletons=tuple(shape["singletons"]),
            migrations=migrations,
        ),
    )


def _frozen(value: Any) -> Any:  # noqa: ANN401 - JSON
    return tuple(value) if isinstance(value, list) else value
