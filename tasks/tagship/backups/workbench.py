"""A container that lives as long as our connection to it, in which a database's own programs run."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from tagship.backups.encryption import CHUNK
from tagship.backups.store import Source
from tagship.engine.client import Engine
from tagship.engine.transport import Hijacked
from tagship.errors import BackupError, EngineError, LockedError
from tagship.names import LABEL
from tagship.system.threads import Thread

_CONFLICT, _MISSING = 409, 404
_STDERR = 2
_LAST_LINES = 20
_STARTS_WITHIN = 60.0
"""Seconds from a container's making to its start; after that, its maker is dead."""
_WITH_PROGRAM = '"$@" </dev/null & cat >/dev/null'
"""Runs a program until the shell's own stdin ends; the shell is the container's first process, so all ends with it."""


class Workbench:
    """A container of an image that waits for the end of its stdin, which is our connection.

    So it ends with us, however we end, and its name keeps a second one away.
    """

    def __init__(  # noqa: PLR0913 - what a container consists of
        self,
        engine: Engine,
        name: str,
        image: str,
        host: Mapping[str, Any],
        *,
        runs: Sequence[str] = (),
        config: Mapping[str, Any] | None = None,
        files: bytes = b"",
    ) -> None:
        """Start it. Raises LockedError if the name is in use.

        `host`: the engine's HostConfig, such as the network. `runs`: a program to run in it meanwhile. `config`: what
        else the engine's container configuration should say. `files`: a tar to unpack in /run.
        """
        self.engine = engine
        self.name = name
        in_memory = {} if runs else {"Tmpfs": in_memory_of(engine, image, host.get("Mounts") or ())}
        settings = {
            **(config or {}),
            "Image": image,
            "Entrypoint": ["sh", "-c", _WITH_PROGRAM, "sh", *runs] if runs else ["cat"],
            "Cmd": [],
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "Healthcheck": {"Test": ["NONE"]},
            "Labels": {f"{LABEL}.workbench": name},
            "HostConfig": {"AutoRemove": True, **in_memory, **host},
        }
        self.id = self._created(settings)
        self._held: Hijacked | None = None
        try:
            if files:
                engine.put_archive(self.id, "/run", files)
            self._held = engine.attach(self.id)
            engine.call("POST", f"/containers/{self.id}/start")
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

    def open(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> "Program":
        """Start a program; its output is a stream."""
        return Program(self.engine, self.id, argv, environment)

    def run(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Run a program without input, and return its output. Raises BackupError with its last words if it fails."""
        with self.open(argv, environment) as program:
            program.end_input()
            return program.rest().decode(errors="replace")

    def close(self) -> None:
        """End and remove the container, with what runs in it."""
        if self._held:
            self._held.close()
        try:
            self.engine.call("DELETE", f"/containers/{self.id}", force=True, v=True)
        except EngineError as error:
            if error.status not in {_MISSING, _CONFLICT}:  # it is gone, or being removed
                raise

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


class Program:
    """A program in a container: its stdin can be written, and its stdout is a stream.

    At the end of the stream, BackupError is raised if the program failed, with the last lines of its stderr.
    """

    def __init__(
        self,
        engine: Engine,
        container: str,
        argv: Sequence[str],
        environment: Mapping[str, str] | None = None,
        user: str = "",
    ) -> None:
        self._engine = engine
        self._name = argv[0]
        self._stream = engine.hijack(container, list(argv), environment, user)
        self._stream.limit(None)  # building an index or counting rows says nothing for hours
        self._ready = memoryview(b"")
        self._errors = b""
        self._ended = False
        self._cut: Exception | None = None
        """Why the output couldn't be read to its end."""

    def write(self, data: bytes) -> None:
        """Send to its stdin. Raises BackupError if it doesn't read any more."""
        try:
            self._stream.write(data)
        except OSError:
            self.rest()
            raise BackupError(f"{self._name} ended before it had read everything.") from None

    def offer(self, data: bytes) -> bool:
        """Send to its stdin. Returns whether it still reads."""
        try:
            self._stream.write(data)
        except OSError:
            return False
        return not self._ended

    def end_input(self) -> None:
        """End its stdin, unless it has ended."""
        with contextlib.suppress(OSError):
            self._stream.end_input()

    def feed(self, source: Source) -> None:
        """Send a whole stream to its stdin while its output is read, and wait for its end. Raises BackupError."""
        drained = Thread(target=self._drain, daemon=True)
        drained.start()
        try:
            while data := source.read(CHUNK):
                self._stream.write(data)
            self._stream.end_input()
        except OSError:
            pass  # it has ended; its exit code says why
        except BaseException:
            self.close()
            raise
        drained.join()
        self._check()

    def read(self, size: int = CHUNK, /) -> bytes:
        """Up to so many bytes of its stdout; none at its end."""
        while not self._ready and not self._ended:
            self._next()
            if self._ended:
                self._check()
        piece, self._ready = self._ready[:size], self._ready[size:]
        return bytes(piece)

    def line(self) -> str | None:
        """The next line of its stdout, without its end; None at the end."""
        found = bytearray()
        while byte := self.read(1):
            if byte == b"\n":
                return found.decode()
            found += byte
        return None

    def rest(self) -> bytes:
        """Everything that is left of its stdout."""
        found = bytearray()
        while data := self.read():
            found += data
        return bytes(found)

    def close(self) -> None:
        """Close the connection; a program that still runs gets no more input."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> None:
        try:
            kind, data = self._stream.read()
        except OSError as error:
            raise self._engine.unreachable(error) from error
        if not kind:
            self._ended = True
            self.end_input()  # or a write waits for ever, as the engine can't pass it on
        elif kind == _STDERR:
            self._errors = (self._errors + data)[-10_000:]
        else:
            self._ready = memoryview(data)

    def _drain(self) -> None:
        try:
            while not self._ended:
                self._next()
        except Exception as error:  # noqa: BLE001 - raised by the check at the end
            self._ended, self._cut = True, error

    def _check(self) -> None:
        """Raises BackupError unless the program ended well, or the error of a cut connection."""
        if cut := self._engine.cut() or self._cut:
            raise cut
        try:
            code = self._engine.exit_code(self._stream)
        except EngineError as error:
            if error.status != _MISSING:
                raise
            raise BackupError(f"{self._name} was cut off: its container ended.") from None
        if code:
            words = "\n".join(_words(self._errors.decode(errors="replace"))[-_LAST_LINES:])
            raise BackupError(f"{self._name} failed with exit code {code}{':' if words else '.'}\n{words}".strip())


def _words(errors: str) -> list[str]:
    """What a program says went wrong, without the rows and commands that it quotes."""
    said = errors.partition("Command was:")[0].strip().splitlines()
    return [line for line in said if not line.lstrip().startswith(("DETAIL:", "CONTEXT:"))]


def _stillborn(engine: Engine, name: str) -> bool:
    """Remove a container whose maker was killed before it started it: it would never end by itself."""
    try:
        raw = engine.get(f"/containers/{name}/json")
        age = engine.now() - datetime.fromisoformat(f"{raw['Created'][:19]}+00:00").timestamp()
        if raw["State"]["Status"] != "created" or age < _STARTS_WITHIN:
            return False
        engine.call("DELETE", f"/containers/{raw['Id']}", force=True, v=True)
    except EngineError as error:
        if error.status not in {_MISSING, _CONFLICT}:
            raise
    return True
