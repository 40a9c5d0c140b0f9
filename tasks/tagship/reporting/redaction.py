"""The one place that hides secrets: in what programs said, in errors, in what is sent to Sentry."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SHORTEST_SECRET, SHORTEST_LINE = 4, 8
"""Characters: a shorter secret, or one line of it, would hide half of every text."""
SHORTEST_VALUE = 8
"""The same for a variable of this process whose name doesn't tell that it is a secret."""
_TELLING = re.compile(r"TOKEN|SECRET|PASS|KEY|DSN|CREDENTIAL|AUTH|PRIVATE", re.IGNORECASE)
_USER_INFO = re.compile(r"://[^/\s@]+@")

_concealed: set[str] = set()


def marker(name: str) -> str:
    """What stands for a secret's value wherever it would appear."""
    return f"⟦{name}⟧"


HIDDEN = marker("hidden")
"""The same where nobody knows the secret's name."""


def hide(text: str, secrets: Mapping[str, str]) -> str:
    """The text with each of these secrets, where it is long enough to be one, as `⟦NAME⟧`."""
    named = {form: name for name, value in secrets.items() for form in forms(value)}
    for form, name in sorted(named.items(), key=lambda item: -len(item[0])):
        text = text.replace(form, marker(name))
    return text


def conceal(values: Iterable[str]) -> None:
    """Have these secrets hidden by `hide_all`, too."""
    for value in values:
        _concealed.update(forms(value))


def hide_all(value: Any, keep: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 - any part of a JSON document
    """The same with no secret, no variable of this process and no user of a URL; keys in `keep` stay as they are.

    Each is replaced by `⟦hidden⟧`.
    """
    return _replaced(value, sorted(_concealed | set(_of_this_process()), key=len, reverse=True), keep)


def forms(value: str, shortest: int = SHORTEST_SECRET) -> set[str]:
    """A value as programs may print it: as it is, as Compose, JSON or Python escape it, and each line of several."""
    dollars = value.replace("$", "$$")
    whole = {value, dollars, json.dumps(value)[1:-1], json.dumps(dollars)[1:-1], repr(value)[1:-1]}
    lines = {line.strip() for line in value.splitlines()} if "\n" in value else set()
    found = {form for form in whole if len(form.strip()) >= shortest}
    return found | {line for line in lines if len(line) >= max(shortest, SHORTEST_LINE)}


def _of_this_process() -> Iterator[str]:
    for name, value in os.environ.items():
        yield from forms(value, SHORTEST_SECRET if _TELLING.search(name) else SHORTEST_VALUE)


def _replaced(value: Any, secrets: list[str], keep: frozenset[str]) -> Any:  # noqa: ANN401 - the same
    """The longest first: one may hold another."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return _USER_INFO.sub(f"://{HIDDEN}@", value)
    if isinstance(value, Mapping):
        return {key: item if key in keep else _replaced(item, secrets, keep) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, secrets, keep) for item in value]
    return value
