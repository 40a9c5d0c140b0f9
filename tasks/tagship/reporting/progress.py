"""What a person watches: a table of steps and times that grows as they end, live in a terminal, plain in CI."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tagship.reporting import events


class Progress:
    """Shows steps on stderr, so that stdout holds only what was asked for."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.steps: list[tuple[str, float]] = []
        self._began = time.monotonic()
        self._stepped = False
        self._quiet = quiet
        self._live = sys.stderr.isatty() and "CI" not in os.environ and os.environ.get("TERM") != "dumb"
        self._color = self._live and "NO_COLOR" not in os.environ

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """One step: named while it runs, ticked with its time when done, crossed when it raised."""
        began = time.monotonic()
        self._stepped = True
        events.tell("begin", step=text)
        try:
            with self._spinning(text):
                yield
        except BaseException:
            took = time.monotonic() - began
            events.tell("end", step=text, ok=False, seconds=took)
            self._say("✗", "31", text, took)
            raise
        took = time.monotonic() - began
        self.steps.append((text, took))
        events.tell("end", step=text, ok=True, seconds=took)
        self._say("✓", "32", text, took)

    def note(self, text: str) -> None:
        """A line that is no step."""
        if not self._quiet:
            sys.stderr.write(f"  {text}\n")

    def total(self) -> None:
        """The last line under the steps, which make a table as they come: the time since it began."""
        if not self._quiet and self._stepped:
            sys.stderr.write(f"  {time.monotonic() - self._began:6.2f} s  in all\n\n")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Where the task failed, the table ends here."""
        if error:
            self.total()

    @contextmanager
    def _spinning(self, text: str) -> Iterator[None]:
        if self._quiet or not self._live:
            yield
            return
        from rich.console import Console  # noqa: PLC0415 - 0.1 s that CI and pipes needn't pay

        with Console(stderr=True).status(text):
            yield

    def _say(self, mark: str, color: str, text: str, took: float) -> None:
        if not self._quiet:
            shown = f"\x1b[{color}m{mark}\x1b[0m" if self._color else mark
            sys.stderr.write(f"{shown} {took:6.2f} s  {text}\n")
            sys.stderr.flush()
