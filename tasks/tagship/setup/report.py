"""What one check of `doctor` found."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tagship.errors import TagshipError


class Mark(StrEnum):
    """How a check ended."""

    GOOD = "✓"
    BAD = "✗"
    UNKNOWN = "?"


@dataclass(frozen=True)
class Check:
    """One line of `doctor`."""

    name: str
    mark: Mark
    text: str
    todo: str = ""
    """What to do about it; begins with a verb."""
    kind: type[TagshipError] = TagshipError
    """The failure that a deploy would end with."""


def good(name: str, text: str) -> Check:
    """A check that passed."""
    return Check(name, Mark.GOOD, text)


def bad(name: str, text: str, todo: str, kind: type[TagshipError]) -> Check:
    """A check that failed."""
    return Check(name, Mark.BAD, text, todo, kind)


def unknown(name: str, text: str, todo: str = "") -> Check:
    """A check that couldn't be made."""
    return Check(name, Mark.UNKNOWN, text, todo)


def each(name: str, call: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The checks that a call makes; if it fails, each line of its error is a check that failed."""
    try:
        yield from call()
    except TagshipError as error:
        yield from failed(name, error)


def failed(name: str, error: TagshipError) -> Iterator[Check]:
    """An error as checks, one for each of its lines; what continues a line stays with it."""
    lines: list[str] = []
    for line in error.problem.splitlines():
        if line.startswith(" ") and lines:
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line)
    for line in lines:
        yield bad(name, line, error.hint, type(error))
