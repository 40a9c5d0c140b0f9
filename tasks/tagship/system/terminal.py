"""This machine's terminal: keys passed on one by one while a program elsewhere has it, and its size."""

import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tagship.system.threads import Thread


def interactive() -> bool:
    """Whether a person types, and sees the output."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def size() -> tuple[int, int]:
    """Rows and columns."""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return rows, columns


@contextmanager
def raw() -> Iterator[None]:
    """Pass on every key, Ctrl-C too, without showing it here; afterwards all is as it was."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextmanager
def resized(tell: Callable[[int, int], object]) -> Iterator[None]:
    """Tell the size, now and after each change of it, from a thread."""
    changed, ended = threading.Event(), threading.Event()

    def watch() -> None:
        while changed.wait() and not ended.is_set():
            changed.clear()
            tell(*size())

    before = signal.signal(signal.SIGWINCH, lambda *_: changed.set())
    changed.set()
    Thread(target=watch, name="tagship-size", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        changed.set()
        signal.signal(signal.SIGWINCH, before)
