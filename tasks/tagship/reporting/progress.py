"""Shows the steps of a task with their times, live in a terminal, plain in CI."""

import os
import secrets
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from tagship.reporting import events, redaction, table

SHOWN = 5
"""How many lines of a program's output stand below its step in a terminal."""
_MARGIN = len("✓   0.00 s  ")
IN_ACTION = "TAGSHIP_ACTION_EVENTS"
"""Set in our GitHub Action, which makes a group of each step, and obeys no command in its lines."""


class Progress:
    """Prints steps to stderr, so that stdout holds only the requested result."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        """`quiet`: print nothing. `verbose`: print all that programs print, while they do."""
        self.steps: list[tuple[str, float]] = []
        self._began = time.monotonic()
        self._stepped = False
        self._quiet = quiet
        self._live = sys.stderr.isatty() and "CI" not in os.environ and os.environ.get("TERM") != "dumb"
        self._passes_on = verbose or "CI" in os.environ
        self._lines: list[str] = []
        """What the running step's program has printed, and nobody was shown."""
        self._last: deque[str] = deque(maxlen=SHOWN)
        self._update: Callable[[], object] = bool
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
            self._print_lines()
            raise
        took = time.monotonic() - began
        self._lines = []
        self.steps.append((text, took))
        events.tell("end", step=text, ok=True, seconds=took)
        self._say("✓", "32", text, took)

    @contextmanager
    def output(self, title: str) -> Iterator[Callable[[str], None] | None]:
        """What a program prints during the running step goes to the function that this gives; None if nobody listens.

        In a terminal its last lines are shown below the step. All of it is printed if the step fails; with `verbose`
        and in CI at once, in GitHub Actions as a folded group.
        """
        if self._quiet:
            yield None
            return
        self._lines, self._last = [], deque(maxlen=SHOWN)
        token = secrets.token_hex(16)
        grouped = self._passes_on and os.environ.get("GITHUB_ACTIONS") == "true" and IN_ACTION not in os.environ
        if grouped:  # and no line of the program is a command to the runner
            sys.stderr.write(f"::group::{title}\n::stop-commands::{token}\n")
        try:
            yield self._line
        finally:
            self._last.clear()
            if grouped:
                sys.stderr.write(f"::{token}::\n::endgroup::\n")

    def _line(self, text: str) -> None:
        line = redaction.hide_secrets(text)
        if self._passes_on:
            sys.stderr.write(f"  {line}\n")
            sys.stderr.flush()
            return
        self._lines.append(line)
        if line.strip():
            self._last.append(line)
            self._update()

    def _print_lines(self) -> None:
        """Print what a step's program said, because it failed."""
        sys.stderr.writelines(f"  {line}\n" for line in self._lines)
        self._lines = []

    def note(self, text: str) -> None:
        """Print a line that isn't a step."""
        if not self._quiet:
            sys.stderr.write(f"{table.folded(f'  {redaction.hide_secrets(text)}', 2)}\n")

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
        from rich.text import Text  # noqa: PLC0415 - the same

        with Console(stderr=True).status(Text(text)) as status:

            def update() -> None:
                room = max(20, shutil.get_terminal_size().columns - 4)
                status.update(Text("\n".join((text, *(f"    {line.expandtabs()[: room - 2]}" for line in self._last)))))

            self._update = update
            try:
                yield
            finally:
                self._update = bool

    def _say(self, mark: str, color: str, text: str, took: float) -> None:
        if not self._quiet:
            shown = f"\x1b[{color}m{mark}\x1b[0m" if self._color else mark
            line = table.folded(f"{mark} {took:6.2f} s  {text}", _MARGIN)
            sys.stderr.write(f"{shown}{line.removeprefix(mark)}\n")
            sys.stderr.flush()
