"""Reads what containers printed, line by line, with the engine's timestamps."""

from collections.abc import Iterator
from dataclasses import dataclass

from tagship.engine.client import Engine

_HEAD = 8
"""Bytes before each message of a container without a terminal: `Hijacked` describes them."""
_STREAMS = {1: "stdout", 2: "stderr"}


@dataclass(frozen=True)
class Line:
    """One line that a container printed. `at` is UTC with nanoseconds, all of the same length, so that texts sort."""

    at: str
    stream: str
    """`stdout` or `stderr`; a container with a terminal has only `stdout`."""
    text: str


def read(engine: Engine, container: str, *, since: str = "", tail: int | None = None) -> Iterator[Line]:
    """The lines so far. `since`: as the engine takes times, seconds since the epoch; `tail`: only the last ones."""
    return _asked(engine, container, since, tail, follow=0)


def follow(engine: Engine, container: str, *, since: str = "") -> Iterator[Line]:
    """The same, and those that are printed from now on, until the container ends. Raises ConnectionFailedError."""
    return _asked(engine, container, since, None, follow=1)


def _asked(engine: Engine, container: str, since: str, tail: int | None, follow: int) -> Iterator[Line]:
    query = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": follow, "since": since or 0}
    with engine.chunks(f"/containers/{container}/logs", **query, tail="all" if tail is None else tail) as chunks:
        yield from lines(chunks)


def lines(chunks: Iterator[bytes]) -> Iterator[Line]:
    """The lines of the engine's answer, in frames or, from a container with a terminal, without."""
    held: dict[int, tuple[str, bytes]] = {}
    for kind, message in _messages(chunks):
        stamp, _, text = message.partition(b" ")
        at, before = held.pop(kind, (stamp.decode(errors="replace"), b""))
        text = before + text
        if text.endswith(b"\n"):
            yield _line(at, kind, text)
        else:  # the engine parts lines of more than 16 KB
            held[kind] = (at, text)
    for kind, (at, text) in held.items():
        yield _line(at, kind, text)


def _line(at: str, kind: int, text: bytes) -> Line:
    return Line(at, _STREAMS.get(kind, "stdout"), text.decode(errors="replace").rstrip("\r\n"))


def _messages(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The messages, each with its stream's number."""
    buffer = b""
    for chunk in chunks:
        buffer += chunk
        at = 0
        if buffer[:1].isdigit():  # a terminal's: lines that begin with the year, and no frames
            end = buffer.rfind(b"\n") + 1
            yield from ((1, line + b"\n") for line in buffer[:end].split(b"\n")[:-1])  # a line may have a \r
            at = end
        else:
            while len(buffer) - at >= _HEAD:
                size = int.from_bytes(buffer[at + 4 : at + _HEAD], "big")
                if len(buffer) - at - _HEAD < size:
                    break
                yield buffer[at], buffer[at + _HEAD : at + _HEAD + size]
                at += _HEAD + size
        buffer = buffer[at:]
    if buffer[:1].isdigit():
        yield 1, buffer
