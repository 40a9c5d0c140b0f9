"""Stands before a server's Docker socket and notes, with its time, all that comes through and all that is answered."""

import asyncio
import base64
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.chain import CONNECT, Call
from tests.rig import Host

_CHUNK = 1 << 16
_SOCKET, _KEPT = "/run/docker.sock", "/run/docker.real.sock"
_NAME = "recorded.sock"
_ENCODED = re.compile(rb"echo ([A-Za-z0-9+/]{8,}={0,2}) \| base64 -d")
_SHOWN, _PRINTED = 160, 60
_METHODS = ("GET ", "POST ", "PUT ", "HEAD ", "DELETE ")


@dataclass
class Recording:
    """Every call in the order in which it arrived; times in seconds since `began`."""

    calls: list[Call] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """Forget what was, and count time from now."""
        self.calls.clear()
        self.began = time.monotonic()

    def note(self, connection: int, what: str) -> Call:
        """A call that arrives now."""
        call = Call(connection, what, self.now())
        self.calls.append(call)
        return call

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began


@contextmanager
def recording(host: Host) -> Iterator[Recording]:
    """Record what reaches a host's engine, whoever asks: its socket becomes a link to ours meanwhile."""
    recording = Recording()
    near = host.machine.run_folder / _NAME
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="recording")
    thread.start()
    recorder = _Recorder(recording, host.socket)
    listening = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(recorder.serve, near), loop).result()
    near.chmod(0o666)
    host.run(["sh", "-c", f"[ -e {_KEPT} ] || mv {_SOCKET} {_KEPT}; ln -sf /rig/{_NAME} {_SOCKET}"])
    try:
        yield recording
    finally:
        host.run(["mv", "-f", _KEPT, _SOCKET])
        near.unlink()
        asyncio.run_coroutine_threadsafe(_close(listening), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(listening: asyncio.Server) -> None:
    listening.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Recorder:
    def __init__(self, recording: Recording, engine: Path) -> None:
        self._recording = recording
        self._engine = engine
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        opened = self._recording.note(number, CONNECT)
        opened.answers.append(opened.at)
        far_reader, far_writer = await asyncio.open_unix_connection(self._engine)
        line = [opened]
        with suppress(OSError):
            await asyncio.gather(self._ask(number, line, reader, far_writer), self._answer(line, far_reader, writer))
        for each in (writer, far_writer):
            each.close()

    async def _ask(
        self, number: int, line: list[Call], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK):
            # the same call's further bytes follow at once, before any answer
            if line[-1].answers or line[-1].what == CONNECT:
                line.append(self._recording.note(number, said(data)))
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def _answer(self, line: list[Call], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            line[-1].answers.append(self._recording.now())
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def said(data: bytes) -> str:
    """What the bytes ask for: `METHOD path` without the API's version and long ids; of other talk how it begins."""
    first = data.split(b"\n", 1)[0].decode(errors="replace").strip()
    if first.startswith(_METHODS) and " HTTP/" in first:
        method, path = first.split()[:2]
        where, _, query = path.partition("?")
        parts = where.split("/")
        if len(parts) > 1 and parts[1].startswith("v1."):
            del parts[1]
        return f"{method} {'/'.join(shortened(part) for part in parts)}{'?…' if query else ''}"
    script = _ENCODED.sub(lambda found: b"echo '" + decoded(found[1]) + b"'", data).decode(errors="replace")
    return f"shell, {len(data)} bytes: {' '.join(script.split())[:_SHOWN]}"


def decoded(word: bytes) -> bytes:
    """How what is written in base64 begins."""
    return base64.b64decode(word).split(b"\n", 1)[0].strip()[:_PRINTED]


def shortened(part: str) -> str:
    """Twelve digits of an id; anything else as it is."""
    return part[:12] if len(part) == 64 and all(digit in "0123456789abcdef" for digit in part) else part
