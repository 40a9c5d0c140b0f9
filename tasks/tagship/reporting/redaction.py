"""The one place that hides secrets: in the output of programs, in errors, and in what Tagship sends to Sentry."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from tagship import secret
from tagship.secret import Secret

SHORTEST_SECRET, SHORTEST_LINE = 4, 8
"""Minimum lengths in characters. Hiding shorter secrets, or shorter lines of them, would make text unreadable."""
SHORTEST_VALUE = 8
"""The minimum for variables of this process whose name doesn't show that they are secret."""
_TELLING = re.compile(r"TOKEN|SECRET|PASS|KEY|DSN|CREDENTIAL|AUTH|PRIVATE", re.IGNORECASE)
_WORD = re.compile(r"[a-z]{1,11}|[A-Za-z]{1,7}|[0-9]{1,7}")
"""What also stands in texts that have nothing to do with a secret."""
_USER_INFO = re.compile(r"://[^/\s@]+@")

_concealed: set[str] = set()


def marker(name: str) -> str:
    """The text that replaces a secret's value."""
    return f"⟦{name}⟧"


HIDDEN = marker("hidden")
"""The marker for secrets without a known name."""


def hide(text: str, secrets: Mapping[str, Secret]) -> str:
    """Replace each of these secrets by `⟦NAME⟧`, if it is long enough."""
    named = {form: name for name, value in secrets.items() for form in forms(value.reveal())}
    for form, name in sorted(named.items(), key=lambda item: -len(item[0])):
        text = text.replace(form, marker(name))
    return text


def conceal(values: Iterable[str]) -> None:
    """Let `hide_all` hide these secrets, too."""
    for value in values:
        _concealed.update(forms(value))


def telling(environment: Mapping[str, str]) -> Iterator[str]:
    """The values of variables whose name says that they are secret."""
    return (value for name, value in environment.items() if _TELLING.search(name))


def hide_secrets(text: str) -> str:
    """Hide Secrets and concealed values in a text for people, and nothing else. Each becomes `⟦hidden⟧`.

    Values that are plain words or short numbers stay: a user called `atlas` would hide the app's own name.
    """
    return str(hidden_in(text))


def hidden_in(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """The same for any JSON value."""
    told = (form for form in _secrets() if not _WORD.fullmatch(form))
    return _replaced(value, sorted(told, key=len, reverse=True), frozenset(), users=False)


def hide_all(value: Any, keep: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 - any part of a JSON document
    """Hide Secrets, concealed values, variables of this process and the users of URLs, except in keys in `keep`.

    Each is replaced by `⟦hidden⟧`.
    """
    return _replaced(value, sorted(_secrets() | set(_of_this_process()), key=len, reverse=True), keep)


def forms(value: str, shortest: int = SHORTEST_SECRET) -> set[str]:
    """The forms in which programs may print a value.

    That is as it is, as Compose, JSON or Python escape it, and each line of several.
    """
    dollars = value.replace("$", "$$")
    go = json.dumps(value, ensure_ascii=False)[1:-1]
    for character in "&<>":
        go = go.replace(character, f"\\u{ord(character):04x}")
    whole = {
        value,
        dollars,
        go,
        quote(value, safe=""),
        json.dumps(value)[1:-1],
        json.dumps(dollars)[1:-1],
        repr(value)[1:-1],
    }
    lines = {line.strip() for line in value.splitlines()} if "\n" in value else set()
    found = {form for form in whole if len(form.strip()) >= shortest}
    return found | {line for line in lines if len(line) >= max(shortest, SHORTEST_LINE)}


def _secrets() -> set[str]:
    return _concealed | {form for value in secret.known() for form in forms(value)}


def _of_this_process() -> Iterator[str]:
    for name, value in os.environ.items():
        yield from forms(value, SHORTEST_SECRET if _TELLING.search(name) else SHORTEST_VALUE)


def _replaced(value: Any, secrets: list[str], keep: frozenset[str], *, users: bool = True) -> Any:  # noqa: ANN401 - the same
    """Replace longer secrets first, because one may contain another."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return _USER_INFO.sub(f"://{HIDDEN}@", value) if users else value
    if isinstance(value, Mapping):
        return {
            key: item if key in keep else _replaced(item, secrets, keep, users=users) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_replaced(item, secrets, keep, users=users) for item in value]
    return value
