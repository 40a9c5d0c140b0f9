"""Handles Ctrl-C and cancelled runs: they stop a deploy, and the recovery then runs to its end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tagship.errors import StoppedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Deferral:
    """Signals that came while they have to wait; None while they need not. Set at once, unlike three handlers."""

    came: list[int] | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP raise StoppedError, which undoes the deploy like any other error."""

    def stop(number: int, _: FrameType | None) -> None:
        if _Deferral.came is not None:
            _Deferral.came.append(number)
            return
        raise StoppedError(f"Stopped by {signal.Signals(number).name}.")

    with _handling(stop):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Let signals that would raise StoppedError wait until the end of the block, which must have its result."""
    if threading.current_thread() is not threading.main_thread() or _Deferral.came is not None:
        yield
        return
    came = _Deferral.came = []
    try:
        yield
    finally:  # the signal tells more than an error that came beside it
        _Deferral.came = None
        if came:
            signal.raise_signal(came[0])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore these signals: a recovery that stops half-way would make things worse."""
    with _handling(signal.SIG_IGN):
        yield


@contextmanager
def _handling(handler: "signal._HANDLER") -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # Python delivers signals to the main thread only
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
