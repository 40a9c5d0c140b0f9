"""What else than a database a restore brings back: volumes, and the data of Redis."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tagship.backups import sources
from tagship.backups.exchange import MOUNTED, STAGE, Exchange, Folder
from tagship.backups.manifest import Manifest, Part
from tagship.backups.store import Store
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.engine.readiness import Starting
from tagship.errors import BackupError
from tagship.names import LABEL, Place

DATABASE, ALL = "database", "all"
_REDIS, _VOLUME = "redis", "volume"
_UNPACK = f"""
cd "$0/{STAGE}/new" && exec tar -x -p --numeric-owner --exclude='./{STAGE}' -f -
"""
_LOADABLE = f"""
set -e; cd "$0/{STAGE}/new"; umask 077; cat > "$1"
said=$(redis-check-rdb "$1") || {{ echo "$said" | tail -n 5 >&2; exit 1; }}
truncate -s "$(echo "$said" | sed -n 's/^.offset \\([0-9]*\\). .*RDB looks OK.*/\\1/p')" "$1"
case $2 in
'') ;;
*/*)
  mkdir "${{2%/*}}"; mv "$1" "$2.1.base.rdb"
  printf 'file %s.1.base.rdb seq 1 type b\\n' "${{2##*/}}" > "$2.manifest" ;;
*) cp "$1" "$2" ;;
esac
chown -R "$(stat -c %u:%g .)" .
"""
"""With an append-only file, Redis reads nothing else at its start: since 7.0 a folder of it, whose base is an RDB file;
before, one file that may begin as an RDB file does. Then nothing may follow the RDB file, but redis-cli ends what it
writes to its output with a mark of 40 bytes."""
_FOLDER_OF_AOF = 7
"""Redis' major version since which the append-only file is a folder."""


def named(part: Part) -> str:
    """A part as `--part` names it."""
    return f"{part.kind}:{part.name}"


def chosen(backup: Manifest, wanted: str) -> tuple[bool, list[Part]]:
    """Whether the database, and which other parts `--part` means. Raises BackupError for one that isn't there."""
    there = {named(part): part for part in backup.parts if part.kind in {_REDIS, _VOLUME}}
    words = [word.strip() for word in wanted.split(",") if word.strip()] or [DATABASE]
    if ALL in words:
        return backup.database is not None, list(there.values())
    if unknown := [word for word in words if word not in {DATABASE, *there}]:
        raise BackupError(
            f"Backup {backup.id} has no {', '.join(unknown)}.", hint=f"use {', '.join((DATABASE, *there, ALL))}"
        )
    return DATABASE in words, [there[word] for word in dict.fromkeys(words) if word in there]


def left_out(backup: Manifest, parts: Sequence[Part]) -> list[str]:
    """What a backup also has, as `--part` names it."""
    return [named(p) for p in backup.parts if p.kind in {_REDIS, _VOLUME} and p not in parts]


def folder(engine: Engine, place: Place, part: Part, image: str) -> Folder:
    """Where a part belongs. `image`: whose programs unpack a volume. Raises BackupError."""
    if part.kind == _REDIS:
        return _redis(engine, place, part)
    labels = {f"{LABEL}.app": place.app, f"{LABEL}.environment": place.environment}
    mount = {"Type": "volume", "Source": f"{place}_{part.name}", "VolumeOptions": {"Labels": labels}}
    return Folder(part, image, mount, MOUNTED, (_UNPACK,))


class Replacement:
    """A part of a backup that replaces an environment's files."""

    def __init__(self, engine: Engine, place: Place, folder: Folder, within: float) -> None:
        """`within`: seconds for the containers that use the files to be ready again."""
        self.name = named(folder.part)
        self._engine = engine
        self._place = place
        self._folder = folder
        self._within = within
        self._exchange = Exchange(engine, place, folder)

    def lay(self, backup: Manifest, store: Store, identities: Sequence[Any]) -> None:
        """Lay the new files beside the old ones, after ending what a restore left that a power cut ended.

        Raises BackupError, StoreError; then the old files are in use.
        """
        while kept := self._exchange.lay(backup, store, identities):
            self.keep(self.swap(kept))

    def clear(self) -> None:
        """Remove the new files."""
        self._exchange.clear()

    def swap(self, kept: str = "") -> str:
        """Exchange the files. Returns the volume that the old ones are to go to; empty if there are none.

        Raises BackupError; then the old ones are in use.
        """
        at = datetime.fromtimestamp(self._engine.now(), UTC)
        kept = kept or f"{self._place}_{self._folder.part.name}_until_{at:%Y%m%dt%H%M%S}"
        with unused(self._engine, self._place, self._folder, self._within):
            old = self._exchange.run(kept)
        if old:
            return kept
        self._exchange.clear()
        return ""

    def keep(self, kept: str) -> None:
        """Move the old files into their volume, if there are any. Raises BackupError."""
        try:
            if kept:
                self._exchange.keep(kept)
        except BackupError as error:
            raise BackupError(
                f"The files of {self.name} are restored, but the old ones can't be moved into {kept}:\n{error.problem}",
                hint=f"free space, and move them by hand from {STAGE}/old in the volume, or restore again",
            ) from None


@contextmanager
def unused(engine: Engine, place: Place, folder: Folder, within: float) -> Iterator[None]:
    """Stop the environment's containers that use a folder; start them afterwards, and wait until they are ready.

    `within`: seconds for that. Raises BackupError if somebody else uses it.
    """
    source = folder.mount["Source"]
    using = [
        raw["Id"]
        for raw in engine.get("/containers/json")
        if any(source in {mount.get("Name"), mount.get("Source")} for mount in raw.get("Mounts") or ())
    ]
    ours = [
        c
        for c in containers.listed(engine)
        if c.id in using and (c.project == place.accessories or place.owns(c.project))
    ]
    if others := [each for each in using if each not in {c.id for c in ours}]:
        raise BackupError(
            f"{len(others)} other containers use {source}: {', '.join(each[:12] for each in others)}.",
            hint="stop them first, then restore again",
        )
    containers.stop(engine, ours)
    try:
        yield
    finally:
        _start(engine, [c.id for c in ours], within)


def _start(engine: Engine, ids: Sequence[str], within: float) -> None:
    """Start containers, those of accessories first, and wait until they are ready."""
    stopped = [c for c in containers.listed(engine) if c.id in ids]
    projects = sorted({c.project for c in stopped}, key=lambda name: not name.endswith("-accessories"))
    for project in projects:
        these = [c for c in stopped if c.project == project]
        model: dict[str, Any] = {"name": project, "services": {c.service: {} for c in these}}
        Starting(engine, model, these, within).run()


def _redis(engine: Engine, place: Place, part: Part) -> Folder:
    with sources.redis_server(engine, place, part.name) as server:
        data, file = server.setting("dir"), server.setting("dbfilename")
        log = server.setting("appendfilename") if server.setting("appendonly") == "yes" else ""
        version = re.search(r"redis_version:(\d+)", server.ask("INFO", "server"))
        if log and version and int(version[1]) >= _FOLDER_OF_AOF:
            log = f"{server.setting('appenddirname')}/{log}"
        raw = server.container
    mounts = [m for m in raw["Mounts"] if f"{data}/".startswith(f"{m['Destination'].rstrip('/')}/")]
    if not mounts:
        raise BackupError(f"No volume holds {data} of {part.name}.", hint="add one there, then `accessories.recreate`")
    found = max(mounts, key=lambda mount: len(mount["Destination"]))
    path = f"{MOUNTED}{data.removeprefix(found['Destination'].rstrip('/'))}"
    source = found["Name"] if found["Type"] == "volume" else found["Source"]
    return Folder(part, raw["Image"], {"Type": found["Type"], "Source": source}, path, (_LOADABLE, file, log))
