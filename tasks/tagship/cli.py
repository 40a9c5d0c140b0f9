"""The console command: the same tasks as under `inv`, in any folder with a tagship.yml."""

import re
from collections.abc import Iterable

from invoke.exceptions import ParseError
from invoke.program import Program

from tagship import namespace
from tagship.errors import UsageError
from tagship.version import VERSION

_UNKNOWN = re.compile(r"No idea what '(.*)' is")


def main() -> None:
    """Run the command line."""
    Console(name="tagship", binary="tagship", namespace=namespace, version=VERSION).run()


class Console(Program):
    """Invoke's own, which says of a word it doesn't know what was meant perhaps."""

    def parse_tasks(self) -> None:
        """Raises UsageError."""
        try:
            super().parse_tasks()
        except ParseError as error:
            raise explained(error) from None
        except ValueError as error:  # a word where an option wants a number
            raise UsageError(f"An option wants a number: {error}.", hint="see --help") from None


def explained(error: ParseError) -> UsageError:
    """What was wrong with the command line, and the nearest word that would have been right."""
    context = error.context if error.context and error.context.name else None
    task = context.name if context else ""
    unknown = _UNKNOWN.search(str(error))
    if not unknown:
        return UsageError(f"{str(error).rstrip('.!')}.", hint=f"see tagship {task} --help")
    word = unknown[1]
    if not word.startswith("-"):
        return UsageError(f"There is no task {word!r}.", hint=_nearest(word, namespace.task_names, "--list"))
    if context is None:
        return UsageError(f"There is no option {word} before a task.", hint="see tagship --help")
    near = _nearest(word.partition("=")[0], context.flags, f"{task} --help")
    return UsageError(f"{task} has no option {word}.", hint=near)


def _nearest(word: str, known: Iterable[str], help_: str) -> str:
    import difflib  # noqa: PLC0415 - only who mistypes pays for it

    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]}?" if near else f"see tagship {help_}"
