"""A container that lives as long as our connection to it, in which a database's own programs run."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Self

from tagship.backups.leftovers import STARTS_WITHIN, WORKBENCH, discard
from tagship.backups.program import Program
from tagship.engine.client import Engine
from tagship.engine.transport import Hijacked
from tagship.errors import EngineError, LockedError
from tagship.names import Place
from tagship.system.threads import Thread

_CONFLICT, _MISSING = 409, 404
_LIFE = 120
"""Seconds after which it ends by itself if it hears nothing: a network that is gone without a word closes no stdin."""
_BEAT = 30.0
_HOLDS = """
trap 'exit 0' TERM
exec 3<&0 </dev/null
{ [ $# = 0 ] || exec "$@"; } 3<&- &
late() { sleep LIFE; kill -TERM 1; }
{
    late & watch=$!
    while read -r _; do kill $watch; late & watch=$!; done
    kill -TERM 1
} <&3 3<&- &
wait
"""
"""Runs a program until the shell's own stdin ends, or brings no line for long: each one starts another wait.

The shell is the container's first process, so all ends with it.
"""


class Workbench:
    """A container of an image that waits for the end of its stdin, which is our connection.

    So it ends with us, however we end, and two minutes after the network is gone. Its name keeps a second one away.
    """

    def __init__(  # noqa: PLR0913 - what a container consists of
        self,
        engine: Engine,
        place: Place,
        name: str,
        image: str,
        host: Mapping[str, Any],
        *,
        runs: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        files: bytes = b"",
    ) -> None:
        """Start it. Raises LockedError if the name is in use.

        `place`: whose data it works on. `host`: the engine's HostConfig, such as the network. `runs`: a program to run
        in it meanwhile. `config`: what else the engine's container configuration should say. `files`: a tar to unpack
        in /run.
        """
        self.engine = engine
        self.name = name
        in_memory = {} if runs else {"Tmpfs": in_memory_of(engine, image, host.get("Mounts") or ())}
        settings = {
            **(config or {}),
            "Image": image,
            "Entrypoint": ["sh", "-c", _HOLDS.replace("LIFE", str(_LIFE)), "sh", *runs],
            "Cmd": [],
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "Healthcheck": {"Test": ["NONE"]},
            "Labels": {WORKBENCH: str(place)},
            "HostConfig": {"AutoRemove": True, **in_memory, **host},
        }
        self.id = self._created(settings)
        self._held: Hijacked | None = None
        self._ended = threading.Event()
        try:
            if files:
                engine.put_archive(self.id, "/run", files)
            self._held = engine.attach(self.id)
            engine.call("POST", f"/containers/{self.id}/start")
            Thread(target=self._beat, args=(self._held,), name="tagship-workbench", daemon=True).start()
        except BaseException:
            self.close()
            raise

    def _created(self, settings: Mapping[str, Any], *, again: bool = True) -> str:
        try:
            return str(self.engine.call("POST", "/containers/create", settings, name=self.name)["Id"])
        except EngineError as error:
            if error.status != _CONFLICT:
                raise
        if again and _stillborn(self.engine, self.name):
            return self._created(settings, again=False)
        raise LockedError(
            f"Another run uses {self.name}: a backup, a restore or a drill of this environment.",
            hint=f"wait for its end; if it is dead, `docker rm --force {self.name}` on the server",
        )

    @property
    def running(self) -> bool:
        """Whether the container still runs."""
        try:
            return bool(self.engine.get(f"/containers/{self.id}/json")["State"]["Running"])
        except EngineError as error:
            if error.status != _MISSING:
                raise
            return False

    def open(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> Program:
        """Start a program; its output is a stream."""
        return Program(self.engine, self.id, argv, environment)

    def run(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Run a program without input, and return its output. Raises BackupError with its last words if it fails."""
        with self.open(argv, environment) as program:
            program.end_input()
            return program.rest().decode(errors="replace")

    def close(self) -> None:
        """End and remove the container, with what runs in it."""
        self._ended.set()
        if self._held:
            self._held.close()
        discard(self.engine, self.id)

    def _beat(self, held: Hijacked) -> None:
        while not self._ended.wait(_BEAT):
            with suppress(OSError):  # the connection broke, so it ends
                held.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def in_memory_of(engine: Engine, image: str, mounts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """HostConfig's Tmpfs for the volumes that an image declares, but for what is mounted there.

    An engine that is killed leaves a container's anonymous volumes, and these would be empty and of no use.
    """
    declared = engine.get(f"/images/{image}/json")["Config"].get("Volumes") or {}
    taken = [f"{mount['Target'].rstrip('/')}/" for mount in mounts]
    return {path: "" for path in declared if not any(f"{path}/".startswith(each) for each in taken)}


def _stillborn(engine: Engine, name: str) -> bool:
    """Remove a container whose maker was killed before it started it: it would never end by itself."""
    try:
        raw = engine.get(f"/containers/{name}/json")
        age = engine.now() - datetime.fromisoformat(f"{raw['Created'][:19]}+00:00").timestamp()
        if raw["State"]["Status"] != "created" or age < STARTS_WITHIN:
            return False
        engine.call("DELETE", f"/containers/{raw['Id']}", force=True, v=True)
    except EngineError as error:
        if error.status not in {_MISSING, _CONFLICT}:
            raise
    return True
