"""The console command `tagship`: the same tasks as under `inv`, in any folder with a tagship.yml."""

import inspect
import itertools
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from invoke.exceptions import Exit, ParseError
from invoke.program import Program

from tagship import JOURNEY, namespace
from tagship.commands.completion import CANDIDATES, candidates
from tagship.errors import TagshipError, UsageError
from tagship.version import VERSION

BROKEN_PIPE = 141
"""The exit code of a program that SIGPIPE ends, as the shell shows it."""
WIDEST = 100
"""The most columns that the overview uses."""
_MARGIN = 2
_VALUELESS = re.compile(r"Flag <Argument: (\w[\w-]*).*needed value")
_ABSENT = re.compile(r"'(.+)' did not receive required positional arguments: (.+)")
_WITH_COMMANDS = ("run", "exec")
_UNKNOWN = re.compile(r"No idea what '(.*)' is")


def main() -> None:
    """Run the command line."""
    stand_in()
    try:
        if sys.argv[1:2] == [CANDIDATES]:
            print("\n".join(candidates(sys.argv[2:], namespace)))
            return
        Console(name="tagship", binary="tagship", namespace=namespace, version=VERSION).run()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed the pipe: `tagship --list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)


def stand_in() -> None:
    """Open the null device for each standard stream that is closed, as under cron: for Python it is None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open until the end


class Console(Program):
    """Invoke's program with our own overview; suggests the nearest name for an unknown task or option."""

    def parse_tasks(self) -> None:
        """Parse the command line. Raises UsageError."""
        for name, word in itertools.pairwise(self.core.unparsed):
            if word in {"--help", "-h"} and name in namespace.task_names:  # Invoke would take it for a missing word
                self.core[0].args.help.value, self.core.unparsed = name, []
                break
        try:
            super().parse_tasks()
        except ParseError as error:
            raise explained(error, self.argv) from None
        except ValueError as error:  # a word where an option expects a number
            word = str(error).rpartition(": ")[2]
            counts = (name for name, value in _said(self.argv) if repr(value) == word and _counts(name))
            option = next(counts, "An option")
            raise UsageError(f"{option} expects a number, not {word}.", hint="see tagship TASK --help") from None

    def execute(self) -> None:
        """Run the tasks. An error's lines are broken between words if a person reads them in a terminal."""
        try:
            super().execute()
        except TagshipError as error:
            from tagship.reporting import table  # noqa: PLC0415 - only for errors

            error.message = table.folded(str(error))
            raise

    def no_tasks_given(self) -> None:
        """Show our overview for `tagship` alone."""
        print("\n".join(_screen()))
        raise Exit

    def print_help(self) -> None:
        """Show the overview with Invoke's options below it."""
        print("\n".join(_screen()))
        print("\nOptions before the task, Invoke's own:\n")
        self.print_columns(self.initial_context.help_tuples())

    def print_task_help(self, name: str) -> None:
        """Show a task's help, wrapped to the terminal; Invoke doesn't wrap the description."""
        words = "".join(f" {word.upper()}" for word in self.collection[name].positional)
        print(f"Usage: tagship {name}{words} [--option …]\n")
        for paragraph in (inspect.getdoc(self.collection[name]) or "").split("\n\n"):
            print("\n".join(_wrapped(" ".join(paragraph.split()))), end="\n\n")
        options = self.parser.contexts[name].help_tuples()
        column = max((len(flags) for flags, _ in options), default=0) + 2 * _MARGIN
        for flags, text in options:
            print("\n".join(_wrapped(f"{'':{_MARGIN}}{flags}".ljust(column) + text, column)))

    def list_flat(self) -> None:
        """List all tasks by purpose; the tasks of one collection as Invoke lists them."""
        if self.list_root or self.list_depth:
            super().list_flat()
        else:
            print("\n".join(_listed()))


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


def explained(error: ParseError, argv: Sequence[str]) -> UsageError:
    """What is wrong with the command line, and the nearest word that would be right."""
    context = error.context if error.context and error.context.name else None
    task = context.name if context else ""
    unknown = _UNKNOWN.search(str(error))
    if absent := _ABSENT.search(str(error)):
        words = absent[2].replace("'", "").replace(",", "").upper()
        return UsageError(f"{absent[1]} needs {words}.", hint=f"see tagship {absent[1]} --help")
    if lacking := _VALUELESS.search(str(error)):
        return UsageError(f"--{lacking[1]} needs a value.", hint=f"see tagship {task} --help")
    if not unknown:
        return UsageError(f"{str(error).rstrip('.!')}.", hint=f"see tagship {task} --help")
    word = unknown[1]
    if not word.startswith("-"):
        return _no_task(word, argv)
    if context is None:
        return UsageError(f"There is no option {word} before a task.", hint="see tagship --help")
    near = _nearest(word.partition("=")[0], context.flags, f"{task} --help")
    if word == "--yes" and "--confirm" in context.flags:
        near = "pass --confirm APP-ENV, the name of what goes"
    return UsageError(f"{task} has no option {word}.", hint=near)


def _said(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option and the word behind it."""
    for word, after in itertools.pairwise([*argv, ""]):
        if word.startswith("--"):
            name, joined, value = word.partition("=")
            yield name, value if joined else after


def _counts(option: str) -> bool:
    """Whether a task has an option of that name that is a number."""
    name = option.removeprefix("--").replace("-", "_")
    found = (inspect.signature(namespace[task].body).parameters.get(name) for task in namespace.task_names)
    return any(parameter and type(parameter.default) is int for parameter in found)


def _no_task(word: str, argv: Sequence[str]) -> UsageError:
    before = next((earlier for earlier, later in itertools.pairwise(argv) if later == word), "")
    if before == "-e":
        return UsageError(f"-e is Invoke's --echo, and {word} is no task.", hint=f"write --env {word}")
    if before in namespace.task_names and "env" in _options(before):
        return UsageError(f"{before} takes no word, and {word} is no task.", hint=f"write {before} --env {word}")
    if taker := next((name for name in argv if name in _WITH_COMMANDS), ""):
        return UsageError(f"{taker} takes a command after --.", hint=f"write {taker} --env NAME -- {word}")
    return UsageError(f"There is no task {word!r}.", hint=_nearest(word, namespace.task_names, "--list"))


def _options(task: str) -> Iterable[str]:
    return inspect.signature(namespace[task].body).parameters


def _nearest(word: str, known: Iterable[str], help_: str) -> str:
    import difflib  # noqa: PLC0415 - only needed after a typo

    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]}?" if near else f"see tagship {help_}"
