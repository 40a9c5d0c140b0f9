"""Exchanges a folder's files for those of a backup: laid beside the old ones, in the same volume, then renamed.

What is renamed needs no second copy, so the folder's users stop for a moment only. A container that doesn't depend on
us renames, and notes how far it is: whoever is killed, the folder has all old files or all new ones, and even after a
power cut the next restore goes on. The old files are then moved into a volume of their own.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tagship.backups import parts
from tagship.backups.leftovers import WORKBENCH, discard
from tagship.backups.manifest import Manifest, Part
from tagship.backups.store import Store
from tagship.backups.workbench import Workbench, in_memory_of
from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import BackupError, EngineError, TagshipError
from tagship.names import LABEL, Place
from tagship.reporting.table import size

STAGE = ".tagship-restore"
"""Where the new files are, and then the old ones, until they have a volume of their own."""
MOUNTED, _KEPT = "/volume", "/kept"
_CONFLICT = 409
_PAUSE = 0.1
_LIKE = 'chmod "$(stat -c %a {0})" {1}; chown "$(stat -c %u:%g {0})" {1}'
BEGUN = f'cat "$0/{STAGE}/kept" 2>/dev/null || true'
CLEAR = f"""
set -e; cd "$0"; umask 077; rm -rf {STAGE}; mkdir {STAGE} {STAGE}/new {STAGE}/old
{_LIKE.format(".", f"{STAGE}/new")}; {_LIKE.format(".", f"{STAGE}/old")}
"""
_CLEARED = f'rm -rf "$0/{STAGE}"'
_ROOM = 'df -Pk "$0" | tail -n 1'
EXCHANGE = f"""
set -e; cd "$0"
all() {{ find "$1" -mindepth 1 -maxdepth 1 ! -name {STAGE} -exec sh -c 'to=$0; mv -- "$@" "$to"' "$2" {{}} +; }}
if [ ! -e {STAGE}/kept ]; then printf %s "$1" > {STAGE}/kept; sync; fi
if [ ! -e {STAGE}/moved ]; then
  all . {STAGE}/old || {{ all {STAGE}/old .; rm {STAGE}/kept; exit 1; }}
  : > {STAGE}/moved
fi
if [ -e {STAGE}/new ]; then
  all {STAGE}/new .
  {_LIKE.format(f"{STAGE}/new", ".")}
  rm -rf {STAGE}/new; sync
fi
ls -A {STAGE}/old
"""
_KEEP = f'set -e; cp -a "$0/{STAGE}/old/." {_KEPT}/; sync; rm -rf "$0/{STAGE}"'


@dataclass(frozen=True)
class Folder:
    """A folder in a volume, and what a part of a backup needs to become its files."""

    part: Part
    image: str
    """Whose programs do the work."""
    mount: Mapping[str, Any]
    """The volume, as the engine's Mount without a target."""
    path: str
    """The folder below `MOUNTED`."""
    fill: Sequence[str]
    """A script and its words after the folder; it reads the part and makes files of it in `STAGE/new`."""


class Exchange:
    """A folder of an environment whose files are exchanged."""

    def __init__(self, engine: Engine, place: Place, folder: Folder) -> None:
        self._engine = engine
        self._place = place
        self._folder = folder
        self._name = f"{place}-{folder.part.name}"

    def lay(self, backup: Manifest, store: Store, identities: Sequence[Any]) -> str:
        """Lay the new files beside the old ones.

        Returns an empty text; or the volume for the old files of an exchange that was interrupted and must end first.
        Raises BackupError if they aren't what was backed up, or have no room; then nothing is left of them.
        """
        with self._bench() as bench:
            if begun := bench.run(["sh", "-c", BEGUN, self._folder.path]):
                return begun
            try:
                self._lay(bench, backup, store, identities)
            except BaseException:
                with contextlib.suppress(TagshipError):  # the cause is what matters; the next restore clears it
                    self.clear()
                raise
        return ""

    def clear(self) -> None:
        """Remove new files that are not wanted any more."""
        with self._bench() as bench:
            bench.run(["sh", "-c", _CLEARED, self._folder.path])

    def _lay(self, bench: Workbench, backup: Manifest, store: Store, identities: Sequence[Any]) -> None:
        part = self._folder.part
        script, *words = self._folder.fill
        bench.run(["sh", "-c", CLEAR, self._folder.path])
        room = int(bench.run(["sh", "-c", _ROOM, self._folder.path]).split()[3]) * 1024
        if room < part.plain_size:
            raise BackupError(
                f"The files of {part.name} need {size(part.plain_size)} of disk, and {size(room)} are free."
            )
        with (
            parts.opened(store, backup, part, identities) as source,
            bench.open(["sh", "-c", script, self._folder.path, *words]) as program,
        ):
            program.feed(source)

    def run(self, kept: str) -> bool:
        """Exchange the files, or go on with that. Nobody may use them. Returns whether there are old ones.

        Raises BackupError; then the old ones are back. `kept`: the name of the volume for them.
        """
        mounts = [{**self._folder.mount, "Target": MOUNTED}]
        in_memory = in_memory_of(self._engine, self._folder.image, mounts)
        settings = {
            "Image": self._folder.image,
            "User": "0",
            "Entrypoint": ["sh", "-c", EXCHANGE, self._folder.path, kept],
            "Cmd": [],
            "Healthcheck": {"Test": ["NONE"]},
            "Labels": {WORKBENCH: str(self._place)},
            "HostConfig": {"NetworkMode": "none", "Mounts": mounts, "Tmpfs": in_memory},
        }
        with self._alone(settings) as container:
            self._engine.call("POST", f"/containers/{container}/start")
            code = self._ended(container)
            words = containers.last_words(self._engine, container)
        if code:
            raise BackupError(f"The files of {self._folder.part.name} can't be swapped ({code}):\n{words}")
        return bool(words)

    def keep(self, kept: str) -> None:
        """Move the old files into a volume. Raises BackupError; then the next restore goes on with it."""
        labels = {f"{LABEL}.app": self._place.app, f"{LABEL}.environment": self._place.environment}
        volume = {"Type": "volume", "Source": kept, "Target": _KEPT, "VolumeOptions": {"Labels": labels}}
        with self._bench(volume) as bench:
            bench.run(["sh", "-c", _KEEP, self._folder.path])

    def _bench(self, *mounts: Mapping[str, Any]) -> Workbench:
        host = {"NetworkMode": "none", "Mounts": [{**self._folder.mount, "Target": MOUNTED}, *mounts]}
        name = f"tagship-restore-{self._name}-{secrets.token_hex(3)}"  # the one before may still be on its way out
        return Workbench(self._engine, self._place, name, self._folder.image, host, config={"User": "0"})

    @contextmanager
    def _alone(self, settings: Mapping[str, Any]) -> Iterator[str]:
        """The container that exchanges, once one that a killed restore started has ended."""
        name = f"tagship-exchange-{self._name}"
        try:
            container = str(self._engine.call("POST", "/containers/create", settings, name=name)["Id"])
        except EngineError as error:
            if error.status != _CONFLICT:
                raise
            self._ended(name)
            discard(self._engine, name)
            container = str(self._engine.call("POST", "/containers/create", settings, name=name)["Id"])
        try:
            yield container
        finally:
            discard(self._engine, container)

    def _ended(self, container: str) -> int:
        """Wait for its end. Returns its exit code."""
        while True:
            state = self._engine.get(f"/containers/{container}/json")["State"]
            if state["Status"] in {"exited", "dead", "created"}:
                return int(state["ExitCode"])
            time.sleep(_PAUSE)
