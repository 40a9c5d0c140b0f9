"""Shows the steps of a task with their times, live in a terminal, plain in CI."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tagship.reporting import events, redaction


class Progress:
    """Prints steps to stderr, so that stdout holds only the requested result."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.steps: list[tuple[str, float]] = []
        self._began = time.monotonic()
        self._stepped = False
        self._quiet = quiet
        self._live = sys.stderr.isatty() and "CI" not in os.environ and os.environ.get("TERM") != "dumb"
        self._color = self._live and "NO_COLOR" not in os.environ

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show a step: its name while it runs, then a tick or, if it raised, a cross, with its time."""
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
        """Print a line that isn't a step."""
        if not self._quiet:
            sys.stderr.write(f"  {redaction.hide_secrets(text)}\n")

    def total(self) -> None:
        """Print the last line below the steps: the time since the start."""
        if not self._quiet and self._stepped:
            sys.stderr.write(f"  {time.monotonic() - self._began:6.2f} s  in all\n\n")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Print the total if the task failed."""
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
