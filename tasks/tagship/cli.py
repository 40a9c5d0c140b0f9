"""The console command `tagship`: the same tasks as under `inv`, in any folder with a tagship.yml."""

from __future__ import annotations

import errno
import inspect
import io
import itertools
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from tagship import JOURNEY, namespace
from tagship.commands.completion import CANDIDATES, candidates
from tagship.errors import TagshipError
from tagship.version import VERSION

if TYPE_CHECKING:
    from tagship.commands.mistyped import CommandLine

BROKEN_PIPE = 141
"""The exit code of a program that SIGPIPE ends, as the shell shows it."""
WIDEST = 100
"""The most columns that the overview uses."""
_MARGIN = 2


def main() -> None:
    """Run the command line."""
    stand_in()
    try:
        _run()
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.ENOSPC}:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be written at the end
        if error.errno == errno.EPIPE:  # the reader has closed the pipe: `tagship --list | head`
            sys.exit(BROKEN_PIPE)
        sys.exit(f"Nothing more can be written: {error.strerror}.\n  hint: free some space on this machine")


def _run() -> None:
    try:
        if sys.argv[1:2] == [CANDIDATES]:
            print("\n".join(candidates(sys.argv[2:], namespace)))
            return
        Console(name="tagship", binary="tagship", namespace=namespace, version=VERSION).run()
    finally:
        sys.stdout.flush()


def stand_in() -> None:
    """Open the null device for each standard stream that is closed, as under cron: for Python it is None.

    Where a stream's encoding lacks a character, as ASCII does under `LC_ALL=C`, its escape is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open until the end
        elif mode == "w" and isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


class Console(Program):
    """Invoke's program with our own overview; suggests the nearest name for an unknown task or option."""

    def parse_core(self, argv: list[str] | None) -> None:
        """Parse Invoke's own options. Raises UsageError."""
        with self._explained():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        """Parse the command line. Raises UsageError."""
        for name, word in itertools.pairwise(self.core.unparsed):
            if word in {"--help", "-h"} and name in namespace.task_names:  # Invoke would take it for a missing word
                self.core[0].args.help.value, self.core.unparsed = name, []
                break
        with self._explained():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        """Do what `--help` or `--list` asks for. Raises UsageError for a word behind them that isn't known."""
        with self._explained():
            super().parse_cleanup()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in our own words what Invoke finds wrong with the command line."""
        with _folded():
            try:
                yield
            except ParseError as error:
                raise self._typed().explained(error) from None
            except ValueError as error:
                raise self._typed().no_number(error) or error from None
            except Exit as error:
                if not error.message:  # it has shown what was asked for
                    raise
                raise self._typed().not_shown(error.message) from None

    def _typed(self) -> CommandLine:
        from tagship.commands.mistyped import CommandLine  # noqa: PLC0415 - only for errors

        return CommandLine(self.argv, namespace)

    def execute(self) -> None:
        """Run the tasks."""
        with _folded():
            super().execute()

    def no_tasks_given(self) -> None:
        """Show our overview for `tagship` alone."""
        print("\n".join(_screen()))
        raise Exit

    def print_help(self) -> None:
        """Show the overview with Invoke's options below it."""
        print("\n".join(_screen()))
        print("\nOptions before the task, Invoke's own:\n")
        _print_options(self.initial_context.help_tuples())

    def print_task_help(self, name: str) -> None:
        """Show a task's help, wrapped to the terminal; Invoke doesn't wrap the description."""
        words = "".join(f" {word.upper()}" for word in self.collection[name].positional)
        print(f"Usage: tagship {name}{words} [--option …]\n")
        for paragraph in (inspect.getdoc(self.collection[name]) or "").split("\n\n"):
            print("\n".join(_wrapped(" ".join(paragraph.split()))), end="\n\n")
        _print_options(self.parser.contexts[name].help_tuples())

    def list_flat(self) -> None:
        """List all tasks by purpose; the tasks of one collection as Invoke lists them."""
        if self.list_root or self.list_depth:
            super().list_flat()
        else:
            print("\n".join(_listed()))


@contextmanager
def _folded() -> Iterator[None]:
    """Break an error's lines between words if a person reads them in a terminal; what continues a line is indented."""
    try:
        yield
    except TagshipError as error:
        from tagship.reporting import table  # noqa: PLC0415 - only for errors

        error.message = table.folded(str(error), _MARGIN)
        raise


def _print_options(options: Sequence[tuple[str, str | None]]) -> None:
    """Show options and what they mean, in as many columns as the terminal has."""
    column = max((len(flags) for flags, _ in options), default=0) + 2 * _MARGIN
    for flags, text in options:
        print("\n".join(_wrapped(f"{'':{_MARGIN}}{flags}".ljust(column) + (text or ""), column)))


def _screen() -> Iterator[str]:
    yield from _wrapped(f"Tagship {VERSION}: a Docker Compose app from commit to proven release, and back.")
    yield ""
    yield "Usage: tagship TASK [--option …]"
    yield ""
    yield from _listed()
    yield ""
    yield "tagship TASK --help  shows a task's options"
    yield "tagship --help       shows Invoke's options, too"


def _listed() -> Iterator[str]:
    """The tasks by purpose, one line each if the terminal is wide enough."""
    column = max(len(name) for names in JOURNEY.values() for name in names) + 2 * _MARGIN
    for at, (what, names) in enumerate(JOURNEY.items()):
        yield from ([""] if at else [])
        yield what
        for name in names:
            does = (inspect.getdoc(namespace[name]) or "").partition("\n")[0].rstrip(".")
            yield from _wrapped(f"{'':{_MARGIN}}{name}".ljust(column) + does, column)


def _wrapped(text: str, indent: int = 0) -> list[str]:
    columns = min(shutil.get_terminal_size().columns, WIDEST)
    return textwrap.wrap(text, max(columns, indent + 20), subsequent_indent=" " * indent, break_on_hyphens=False)
