"""Says what is wrong with a command line, and the nearest word that would be right."""

from __future__ import annotations

import difflib
import inspect
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tagship.errors import UsageError

if TYPE_CHECKING:
    from invoke.collection import Collection
    from invoke.exceptions import ParseError

_VALUELESS = re.compile(r"Flag <Argument: (\w[\w-]*).*needed value")
_ABSENT = re.compile(r"'(.+)' did not receive required positional arguments: (.+)")
_UNKNOWN = re.compile(r"No idea what '(.*)' is")
_NO_GROUP = re.compile(r"Sub-collection '(.*)' not found")
_NO_NUMBER = re.compile(r"invalid literal for int\(\) .*: ('.*'|\".*\")$")
_WITH_COMMANDS = ("run", "exec")
_TYPO = 0.8
"""How much a word is like a task's name, from 0 to 1, if it isn't rather an environment's."""


@dataclass(frozen=True)
class CommandLine:
    """What was typed, and the tasks that there are."""

    argv: Sequence[str]
    namespace: Collection

    def explained(self, error: ParseError) -> UsageError:
        """What Invoke's parser finds wrong."""
        said = str(error)
        context = error.context if error.context and error.context.name else None
        see = f"see tagship {context.name} --help" if context else "see tagship --help"
        if absent := _ABSENT.search(said):
            words = absent[2].replace("'", "").replace(",", "").upper()
            return UsageError(f"{absent[1]} needs {words}.", hint=f"see tagship {absent[1]} --help")
        if lacking := _VALUELESS.search(said):
            return UsageError(f"--{lacking[1]} needs a value.", hint=see)
        if not (unknown := _UNKNOWN.search(said)):
            return UsageError(f"{said.rstrip('.!')}.", hint=see)
        word = unknown[1]
        if not word.startswith("-"):
            return self._no_task(word)
        if context is None:
            return self._before_a_task(word)
        near = _nearest(word.partition("=")[0], context.flags, f"{context.name} --help")
        if word == "--yes" and "--confirm" in context.flags:
            near = "pass --confirm APP-ENV, the name of what goes"
        return UsageError(f"{context.name} has no option {word}.", hint=near)

    def no_number(self, error: ValueError) -> UsageError | None:
        """A word where an option expects a number; None for any other error."""
        if not (found := _NO_NUMBER.search(str(error))):
            return None
        task = ""
        for at, said in enumerate(self.argv):
            task = said if said in self.namespace.task_names else task
            for option, value in _said(self.argv[at : at + 2]):
                if repr(value) == found[1] and task and self._counts(task, option):
                    return UsageError(f"{option} expects a number, not {found[1]}.", hint=f"see tagship {task} --help")
        return UsageError(f"An option expects a number, not {found[1]}.", hint="see tagship --help")

    def not_shown(self, said: str) -> UsageError:
        """Why Invoke can't list tasks, or print a completion."""
        if not (unknown := _NO_GROUP.search(said)):
            return UsageError(f"{said.rstrip('.!')}.", hint="see tagship --help")
        near = _nearest(unknown[1], self.namespace.collections, "--list")
        return UsageError(f"There is no group of tasks {unknown[1]!r}.", hint=near)

    def _no_task(self, word: str) -> UsageError:
        names = self.namespace.task_names
        before = next((earlier for earlier, later in itertools.pairwise(self.argv) if later == word), "")
        if word in self.namespace.collections:
            tasks = sorted(name for name in names if name.startswith(f"{word}."))
            return UsageError(f"{word} is a group of tasks.", hint=f"run one of: {', '.join(tasks)}")
        if before == "-e":
            return UsageError(
                "-e isn't an option of Tagship; --env is, after a task.",
                hint=f"write tagship {self._task()} --env {word}",
            )
        if sum(name == before for name, _ in _said(self.argv)) > 1:
            return UsageError(f"{before} is given twice.", hint="give it once")
        misspelt = difflib.get_close_matches(word, names, 1, _TYPO)
        if before in names and "env" in self._options(before) and not misspelt:
            return UsageError(
                f"{before} takes no positional argument, and {word} isn't a task.",
                hint=f"write tagship {before} --env {word}",
            )
        if taker := next((name for name in self.argv if name in _WITH_COMMANDS), ""):
            return UsageError(f"{taker} takes a command after --.", hint=f"write {taker} --env NAME -- {word}")
        return UsageError(f"There is no task {word!r}.", hint=_nearest(word, names, "--list"))

    def _before_a_task(self, word: str) -> UsageError:
        """What to say of an option that isn't one of Invoke's; it may be a task's."""
        names = self.namespace.task_names
        value = next((value for name, value in _said(self.argv) if name == word and value not in names), "")
        taken = any(_parameter(word) in self._options(task) for task in names)
        hint = f"write tagship {self._task()} {word} {value}".rstrip() if taken else "see tagship --help"
        return UsageError(f"There is no option {word} before a task.", hint=hint)

    def _task(self) -> str:
        """The first task; `TASK` if there is none."""
        return next((word for word in self.argv if word in self.namespace.task_names), "TASK")

    def _counts(self, task: str, option: str) -> bool:
        """Whether a task has an option of that name that is a number."""
        parameter = self._options(task).get(_parameter(option))
        return parameter is not None and type(parameter.default) is int

    def _options(self, task: str) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.namespace[task].body).parameters


def _nearest(word: str, known: Iterable[str], help_: str) -> str:
    """A hint at the known word that is like this one; if none is, at a help text."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]}?" if near else f"see tagship {help_}"


def _said(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option and the word behind it."""
    for word, after in itertools.pairwise([*argv, ""]):
        if word.startswith("--"):
            name, joined, value = word.partition("=")
            yield name, value if joined else after


def _parameter(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")
