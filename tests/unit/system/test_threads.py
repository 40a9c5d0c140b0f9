"""Threads that start while a signal comes."""

import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from docs.architecture import PACKAGE
from tagship.errors import StoppedError
from tagship.system.parallel import started, together
from tagship.system.signals import interruptible
from tagship.system.threads import Thread


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Python would print of threads; a signal comes at the instant at which each of them begins."""
    found: list[Any] = []
    begin = threading._start_new_thread  # type: ignore[attr-defined]  # noqa: SLF001 - where the signal has to come

    def interrupted(*words: object) -> object:
        begun = begin(*words)
        signal.raise_signal(signal.SIGINT)
        return begun

    monkeypatch.setattr(threading, "_start_new_thread", interrupted)
    monkeypatch.setattr(sys, "unraisablehook", found.append)
    return found


@pytest.mark.parametrize(
    "start",
    [
        lambda work: Thread(target=work).start(),
        started,
        lambda work: together(lambda _: work(), [1]),
    ],
)
def test_a_signal_while_a_thread_starts_waits_until_it_has_started(
    start: Callable[[Callable[[], object]], object], printed: list[Any]
) -> None:
    ran = threading.Event()

    with pytest.raises(StoppedError, match="SIGINT"), interruptible():
        start(ran.set)

    assert ran.wait(5)
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(1)
    assert printed == []


def test_every_thread_of_the_package_is_one_of_these() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "threads.py"]

    assert [path.name for path in paths if "threading.Thread(" in path.read_text()] == []
