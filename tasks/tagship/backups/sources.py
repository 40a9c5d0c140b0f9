"""Streams of what isn't in PostgreSQL: Redis data, and named volumes."""

import itertools
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tagship.backups.encryption import CHUNK
from tagship.backups.store import Source
from tagship.backups.workbench import Workbench
from tagship.engine import containers, volumes
from tagship.engine.client import Engine
from tagship.errors import BackupError, EngineError
from tagship.names import Place
from tagship.reporting import redaction

_RDB = ("redis-cli", "--rdb", "-")
MOUNTED = "/volume"
"""Where a volume is mounted while it is copied."""
_MISSING = 404
_END = bytes(1024)
"""Two blocks of zeros end a tar (POSIX, pax)."""


@dataclass(frozen=True)
class Redis:
    """A Redis accessory, reached from a workbench by its image's redis-cli."""

    bench: Workbench
    container: Mapping[str, Any]
    """As the engine inspects it."""
    environment: Mapping[str, str]
    """What redis-cli signs in with."""

    def setting(self, name: str) -> str:
        """A setting's value. Raises BackupError if it isn't told."""
        name_and_value = self.ask("CONFIG", "GET", name).splitlines()
        if len(name_and_value) < 2:  # noqa: PLR2004 - see its name
            raise BackupError(
                f"Redis doesn't tell its setting {name}: {' '.join(name_and_value)}", hint="give its user CONFIG GET"
            )
        return name_and_value[1]

    def ask(self, *words: str) -> str:
        """What redis-cli prints."""
        return self.bench.run(("redis-cli", *words), self.environment)


def refuse_missing(engine: Engine, place: Place, services: Collection[str], names: Collection[str]) -> None:
    """Raises BackupError with every Redis accessory and volume that isn't there, before a long dump begins."""
    running = sorted({c.service for c in containers.of(engine, place.accessories) if c.running}) if services else []
    own = f"{place}_"
    ours = sorted(n.removeprefix(own) for n in volumes.existing(engine) if n.startswith(own)) if names else []
    problems = [
        *(
            f"backups.redis: no accessory {each} runs; there is {', '.join(running) or 'none'}."
            for each in services
            if each not in running
        ),
        *(
            f"backups.volumes: the server has no volume {own}{each}; there is {', '.join(ours) or 'none'}."
            for each in names
            if each not in ours
        ),
    ]
    if problems:
        raise BackupError("\n".join(problems), hint="correct tagship.yml, or start it with `tagship accessories.up`")


@contextmanager
def redis_server(engine: Engine, place: Place, service: str) -> Iterator[Redis]:
    """A Redis accessory, which has to run. Raises BackupError."""
    found = [c for c in containers.of(engine, place.accessories) if c.service == service and c.running]
    if not found:
        raise BackupError(f"{service} doesn't run.", hint="start it with `tagship accessories.up`")
    raw = engine.get(f"/containers/{found[0].id}/json")
    words = [*(raw["Config"].get("Cmd") or ()), ""]
    password = next((after for word, after in itertools.pairwise(words) if word == "--requirepass"), "")
    redaction.conceal((password,) if password else ())
    host = {"NetworkMode": f"container:{raw['Id']}"}
    with Workbench(engine, place, f"tagship-backup-{place}-{service}", raw["Image"], host) as bench:
        yield Redis(bench, raw, {"REDISCLI_AUTH": password} if password else {})


@contextmanager
def redis(engine: Engine, place: Place, service: str) -> Iterator[Source]:
    """A Redis accessory's data, as an RDB file that the server makes for us. Raises BackupError."""
    with redis_server(engine, place, service) as server, server.bench.open(_RDB, server.environment) as program:
        program.end_input()
        yield program


@contextmanager
def volume(engine: Engine, place: Place, name: str, image: str) -> Iterator[Source]:
    """A volume's content, as a tar that the engine makes. Raises BackupError."""
    whole = f"{place}_{name}"
    try:
        engine.get(f"/volumes/{whole}")
    except EngineError as error:
        if error.status != _MISSING:
            raise
        raise BackupError(f"The server has no volume {whole}.", hint="correct backups.volumes") from None
    host = {"NetworkMode": "none", "Mounts": [{"Type": "volume", "Source": whole, "Target": MOUNTED}]}
    with (
        Workbench(engine, place, f"tagship-backup-{place}-volume-{name}", image, host) as bench,
        engine.archive(bench.id, f"{MOUNTED}/.") as tar,
    ):
        yield _Tar(tar)


class _Tar:
    """Passes a tar on, and raises BackupError unless it ends with the mark of its end.

    An engine that can't read a file on, because it shrinks meanwhile, just ends the stream.
    """

    def __init__(self, tar: Source) -> None:
        self._tar = tar
        self._last = b""

    def read(self, size: int = CHUNK, /) -> bytes:
        """Up to so many bytes; none at the end."""
        data = self._tar.read(size)
        if not data and self._last != _END:
            raise BackupError("The volume's archive is cut off.", hint="try again while nothing changes its files")
        self._last = (self._last + data)[-len(_END) :]
        return data
