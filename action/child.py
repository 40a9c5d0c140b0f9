"""Runs a program, passes on its lines and events as they come, and forwards signals like a terminal."""

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

EVENTS, MARK = "TAGSHIP_ACTION_EVENTS", "TAGSHIP_ACTION_MARK"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CHUNK = 65536
_POLL = 0.2

Event = Callable[[str, Mapping[str, Any]], object]
Line = Callable[[str], object]


def run(argv: Sequence[str], env: Mapping[str, str], folder: Path, on_line: Line, on_event: Event) -> int:
    """Run to the end. Returns the exit code, negative for a signal.

    stdout and stderr arrive together, in lines. Events come through a pipe that only the program itself holds, so that
    none of its children can forge one. A mark on stdout gives each event's place among the lines.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    mark = secrets.token_hex(16)
    with os.fdopen(reader, "rb", buffering=0) as events:
        process = subprocess.Popen(
            argv, env={**env, EVENTS: str(writer), MARK: mark}, cwd=folder, pass_fds=(writer,), process_group=0,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        os.close(writer)
        with _passing_on(process):
            _Pump(events.fileno(), mark.encode(), on_line, on_event).run(process)
            return process.wait()


class _Pump:
    """Turns bytes into whole lines and events, in their order."""

    def __init__(self, events: int, mark: bytes, on_line: Line, on_event: Event) -> None:
        self._events = events
        self._mark = mark
        self._on_line = on_line
        self._on_event = on_event
        self._rest = b""
        self._told = b""

    def run(self, process: subprocess.Popen[bytes]) -> None:
        """Read until the program ends; its children may keep its stdout open, or write to it, for ever."""
        if process.stdout is None:
            raise TypeError
        with process.stdout as stdout, selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ, self._take)
            # read as it fills, because a program that waits for space in it would never print the mark
            selector.register(self._events, selectors.EVENT_READ, self._keep)
            while selector.get_map() and process.poll() is None:
                _read(selector, _POLL)
            _read(selector, 0)  # once is enough, because a pipe holds no more than a chunk
        if self._rest:
            self._say(self._rest)
        while self._next_event():
            pass

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            before, found, _ = line.partition(self._mark)
            if before or not found:
                self._say(before)
            if found:
                self._next_event()

    def _say(self, line: bytes) -> None:
        self._on_line(line.decode(errors="replace").rstrip("\r"))

    def _keep(self, data: bytes) -> None:
        self._told += data

    def _next_event(self) -> bool:
        """Pass on the oldest event. Returns False if there is none, because another program wrote the mark."""
        while b"\n" not in self._told:
            try:
                data = os.read(self._events, _CHUNK)
            except BlockingIOError:
                return False
            if not data:
                return False
            self._told += data
        line, _, self._told = self._told.partition(b"\n")
        event = json.loads(line)
        self._on_event(event["kind"], event["facts"])
        return True


def _read(selector: selectors.BaseSelector, within: float) -> None:
    """Read what each pipe has, at most a chunk; stop watching a closed one."""
    for key, _ in selector.select(within):
        try:
            data = os.read(key.fd, _CHUNK)
        except BlockingIOError:  # the other pipe's handler has emptied this one
            continue
        if data:
            key.data(data)
        else:
            selector.unregister(key.fileobj)


@contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Send the first signal to the whole group, like Ctrl-C, and later ones only to the program, which cleans up."""
    first = True

    def forward(number: int, _: FrameType | None) -> None:
        nonlocal first
        with contextlib.suppress(ProcessLookupError):
            if first:
                os.killpg(process.pid, number)
            elif process.poll() is None:
                process.send_signal(number)
        first = False

    before = {number: signal.signal(number, forward) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
