"""Parses `run:`, which names tasks exactly as at the shell, and fills in the inputs `environment` and `sha`."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from action.errors import ActionError
from action.pull_request import PREVIEWS


@dataclass(frozen=True)
class Task:
    """A task on the command line: its options, and which of them take a value."""

    name: str
    options: Mapping[str, bool]
    trusts: bool = True
    """Whether it connects to what tagship.yml names."""
    positional: tuple[str, ...] = ()
    """The names of the words that it takes without an option."""

    def takes(self, option: str) -> bool:
        """Whether `option` is one of its options and has a value after it."""
        return self.options.get(option.partition("=")[0], False) and "=" not in option


@dataclass(frozen=True)
class Call:
    """One task and the words after it."""

    task: Task
    words: tuple[str, ...] = ()

    def has(self, *options: str) -> bool:
        """Whether one of the options is given, as `-e staging` or `--env=staging`."""
        return any(word.partition("=")[0] in options for word in self.words)

    @property
    def bare(self) -> bool:
        """Whether a word is a positional argument: neither an option nor an option's value."""
        before = ""
        for word in self.words:
            if not word.startswith("-") and not self.task.takes(before):
                return True
            before = word
        return False


def calls(words: Sequence[str], tasks: Iterable[Task]) -> tuple[Call, ...]:
    """The tasks in a command line. Raises ActionError for an unknown word, with the nearest task."""
    known = {task.name: task for task in tasks}
    found: list[Call] = []
    before = ""
    for word in words:
        if word in known and not (found and found[-1].task.takes(before)):
            found.append(Call(known[word]))
        elif found:
            found[-1] = Call(found[-1].task, (*found[-1].words, word))
        else:
            _unknown(word, known)
        before = word
    for call in found:
        if call.bare and "--env" not in call.task.options and not call.task.positional:
            _unknown(next(word for word in call.words if not word.startswith("-")), known)
    return tuple(found)


def complete(found: Iterable[Call], environment: str, sha: str) -> list[str]:
    """The complete command line, with the inputs added to tasks that accept them and don't have them."""
    words: list[str] = []
    for call in found:
        words += [call.task.name, *call.words]
        named = call.bare and "env" in (call.task.positional or ("env",))
        if environment and "--env" in call.task.options and not (call.has("--env", "-e") or named):
            words += ["--env", environment]
        for option in ("--sha", "--to") if sha else ():
            if option in call.task.options and not call.has(option, option[1:3]):
                words += [option, sha]
    return words


def refuse_pull_request(found: Iterable[Call], event: str, own: int = 0) -> None:
    """Raises ActionError for a task that trusts tagship.yml in a pull request.

    `own`: the number of a pull request whose branch is in the repository; its own preview may come and go.
    """
    if not event.startswith("pull_request"):
        return
    for call in found:
        if call.task.name in PREVIEWS:
            _refuse_preview(call, own)
        elif call.task.trusts:
            raise ActionError(
                f"`{call.task.name}` doesn't run on {event}: tagship.yml and the images come from the pull request.",
                "Deploy after the merge, from a push.",
            )


def _refuse_preview(call: Call, own: int) -> None:
    if not own:
        raise ActionError(
            f"`{call.task.name}` doesn't run on a fork's pull request: its code would get the previews' secrets.",
            "Push the commits to a branch of this repository, after reading them.",
        )
    number, *options = call.words or ("",)
    if number != str(own) or Call(call.task, tuple(options)).bare or call.has("--number"):
        raise ActionError(
            f"`{call.task.name}` runs only for the run's own pull request.", f"Write {call.task.name} {own}."
        )


def _unknown(word: str, known: Mapping[str, Task]) -> None:
    near = difflib.get_close_matches(word, known, 1)
    hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(sorted(known))}."
    raise ActionError(f"`run` contains {word!r}, which isn't a task.", hint)
