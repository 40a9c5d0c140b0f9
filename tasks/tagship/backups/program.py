"""A program that runs in a container of the server, its output a stream that can be read piece by piece."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Self

from tagship.backups.encryption import CHUNK
from tagship.backups.store import Source
from tagship.engine.client import Engine
from tagship.errors import BackupError, EngineError
from tagship.system.threads import Thread

_MISSING = 404
_STDERR = 2
_LAST_LINES = 20


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
