"""An operator: a process that runs one command, and stops before each effect until it is told to go on."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from tagship.errors import StoppedError, TagshipError


class KilledError(BaseException):
    """SIGKILL: nothing that the process does after it has an effect."""


class Operator:
    """One command in a thread of its own, of which only one at a time ever runs: nothing here depends on timing."""

    def __init__(self, name: str, command: "Callable[[Operator], object]") -> None:
        self.name, self.doing = name, getattr(command, "__name__", "")
        self.next = ""
        """The effect before which it waits."""
        self.dead = self.ended = False
        self.half = False
        """Whether its last effect is half done when it is killed."""
        self.error: BaseException | None = None
        self.faults: list[str] = []
        """What it met: an error, or a lost lock."""
        self.shielded = 0
        """Blocks in which it ignores signals."""
        self.unlocked: list[str] = []
        """The changes that it made since it has lost the lock."""
        self._fault: Exception | None = None
        self._late = False
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._command = command
        self._thread = threading.Thread(target=self._work, name=f"operator-{name}", daemon=True)

    @classmethod
    def started(cls, name: str, command: "Callable[[Operator], object]") -> Self:
        """One that waits before its first effect."""
        operator = cls(name, command)
        operator._thread.start()
        operator.advance()
        return operator

    def advance(self) -> None:
        """Let it perform the effect before which it waits, and go on to the next one."""
        if not self.ended:
            self._go.release()
            self._stopped.acquire()

    def run(self) -> Self:
        """Let it go on to its end."""
        while not self.ended:
            self.advance()
        return self

    @property
    def bugs(self) -> tuple[str, ...]:
        """An error that is none of ours."""
        return () if self.error is None or isinstance(self.error, TagshipError | KilledError) else (repr(self.error),)

    def kill(self, *, half: bool = False) -> None:
        """End it here and now, before its next effect or in the middle of it."""
        self.dead, self.half = True, half
        self.run()

    def meet(self, fault: Exception, *, late: bool = False) -> bool:
        """Let the next effect fail with this error; `late`: after it happened. Returns False for an ignored signal."""
        if isinstance(fault, StoppedError) and self.shielded:
            return False
        self._fault, self._late = fault, late
        self.faults.append(type(fault).__name__)
        return True

    def pause(self, effect: str) -> None:
        """Wait before an effect. Raises KilledError, or the error that it meets."""
        if not self.dead:
            self.next = effect
            self._stopped.release()
            self._go.acquire()
        if self.dead:
            raise KilledError
        if not self._late:
            self._fail()

    def performed(self) -> None:
        """The effect has happened; raises the error that it meets after that."""
        self._fail()

    def _fail(self) -> None:
        fault, self._fault, self._late = self._fault, None, False
        if fault:
            raise fault

    def _work(self) -> None:
        _here.operator = self
        self._go.acquire()
        try:
            self._command(self)
        except BaseException as error:  # noqa: BLE001 - the machine judges it
            self.error = error
        finally:
            self.ended = True
            self._stopped.release()


_here = threading.local()


@contextmanager
def shielded() -> Iterator[None]:
    """The block in which this thread's operator ignores signals, in the place of `uninterrupted`."""
    operator: Operator | None = getattr(_here, "operator", None)
    if operator is None:
        yield
        return
    operator.shielded += 1
    try:
        yield
    finally:
        operator.shielded -= 1
