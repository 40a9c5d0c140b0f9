"""A shell in the edge's container that stays open for a whole deploy: one round trip per command instead of three."""

import base64
import secrets
import shlex
import threading
import time

from tagship.engine.client import Engine
from tagship.errors import EngineError, TagshipError

LIFE = 120
"""Seconds after which a shell ends by itself: if the network goes away without a word, nobody else ends it for hours.

None of its commands takes longer than half of that, and none begins later.
"""
_STDOUT = 1


class Shell:
    """`sh` in a running container. It reads commands from stdin; a line with a random token ends each answer.

    If the connection broke between two commands, or the shell has used half of its life, the next one gets a new shell,
    because commands don't depend on each other.
    """

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._running = threading.RLock()
        """Held while a command runs: a thread that nobody waited for may still read its answer."""
        self._open()

    def run(self, script: str) -> bytes:
        """Run a script and return its stdout. User input may be in it only through `quote` and `encoded`.

        Raises EngineError with its stderr if it fails, ConnectionFailedError if the connection breaks; then nobody
        knows how much of it ran.
        """
        with self._running:
            if self._stream.ended or time.monotonic() - self._since > LIFE / 2:
                self._stream.close()
                self._open()
            self._engine.calls += 1
            self._commands += 1
            try:
                return self._answer(script)
            except OSError as error:
                self._stream.close()
                raise self._engine.unreachable(error) from error

    def _open(self) -> None:
        self._since = time.monotonic()
        self._stream = self._engine.hijack(self._container, ["timeout", str(LIFE), "sh"])
        self._token = secrets.token_hex(16)
        self._commands = 0
        self._buffer = b""
        self._errors = b""

    def _answer(self, script: str) -> bytes:
        begin, end = (f"\n{self._token}-{number} ".encode() for number in (self._commands - 1, self._commands))
        say = f"printf '\\n%s %d\\n' {self._token}-{self._commands} $?"
        self._stream.write(f"{{ {script}\n}} </dev/null; {say}\n".encode())
        while end not in self._buffer or not self._buffer.endswith(b"\n"):
            kind, data = self._stream.read()
            if not kind:
                raise self._ended()
            if kind == _STDOUT:
                self._buffer += data
            else:
                self._errors += data
        out, _, status = self._buffer.partition(end)
        self._buffer = b""
        if begin in out:  # an earlier command was interrupted; skip the rest of its output
            out = out.partition(begin)[2].partition(b"\n")[2]
        if status.strip() != b"0":
            errors = self._errors or self._late_errors()
            self._errors = b""
            raise EngineError(f"In the edge's container: {errors.decode(errors='replace').strip()}.")
        return out

    def _ended(self) -> TagshipError:
        """The error: the connection broke, or the shell ended."""
        why = self._errors.decode(errors="replace").strip()
        return self._engine.cut() or EngineError(f"The edge's shell ended{f': {why}' if why else ''}.")

    def _late_errors(self) -> bytes:
        """Wait for the rest of stderr, whose last frames may arrive after the line that ends stdout."""
        try:
            self.run("sleep 0.05")
        except EngineError:
            return b""
        return self._errors

    def close(self) -> None:
        """End the shell."""
        self._stream.close()


def quote(name: str) -> str:
    """A name as one word of a script."""
    return shlex.quote(name)


def encoded(data: bytes) -> str:
    """A script command that prints any bytes."""
    return f"echo {base64.b64encode(data).decode()} | base64 -d"


def replace_file(path: str, data: bytes, *, shared: bool = False) -> str:
    """A script that replaces a file atomically: readers see the old or the new content, never a part.

    `shared`: several environments may do so at once, so that each has a new file of its own, by its shell's number.
    """
    target = quote(path)
    new = f"{target}.new.$$" if shared else f"{target}.new"  # one that a killed shell left is overwritten by the next
    return f"{encoded(data)} > {new} && mv -f {new} {target}"
