"""Connects this process's input, output and terminal with a program on a server."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from tagship.engine.client import Engine
from tagship.errors import TagshipError
from tagship.system import terminal
from tagship.system.threads import Thread

if TYPE_CHECKING:
    from tagship.engine.transport import Hijacked

_CHUNK = 1 << 16
_STDERR = 2


def passed_on(engine: Engine, stream: "Hijacked", *, tty: bool, resize: Callable[[int, int], object]) -> None:
    """Pass everything on until the program's output ends. Raises ConnectionFailedError.

    `tty`: the program has a terminal, and this one follows it: each key goes there, and its size.
    """
    with ExitStack() as stack:
        if tty:
            stack.enter_context(terminal.raw())
            stack.enter_context(terminal.resized(lambda *size: _unless_gone(lambda: resize(*size))))
        Thread(target=_send, args=(stream,), name="tagship-stdin", daemon=True).start()
        try:
            _show(stream, tty=tty)
        except OSError as error:
            if isinstance(error, BrokenPipeError) and not engine.cut():  # who reads our output has left
                raise
            raise engine.unreachable(error) from error
    if cut := engine.cut():
        raise cut


def _show(stream: "Hijacked", *, tty: bool) -> None:
    outputs = {1: sys.stdout, _STDERR: sys.stderr}
    while True:
        kind, data = (1, stream.read_some()) if tty else stream.read()
        if not data and not (kind and not tty):
            return
        output = outputs.get(kind, sys.stdout)
        output.flush()
        output.buffer.write(data)
        output.buffer.flush()


def _send(stream: "Hijacked") -> None:
    with suppress(OSError, ValueError):  # the program has ended, or stdin is closed
        while data := os.read(sys.stdin.fileno(), _CHUNK):
            stream.write(data)
        stream.end_input()


def _unless_gone(call: Callable[[], object]) -> None:
    with suppress(TagshipError):  # it has ended, or isn't started yet
        call()
