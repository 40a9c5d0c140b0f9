"""Reads what a store or a program prints: a JSON object, or NAME=value lines."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tagship.errors import SecretsError
from tagship.secret import Secret

_JSON = 'write an object of names and texts: {"DB_PASSWORD": "…"}'
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a UTF-16 pair, which no UTF-8 can have."""


class Number(str):
    """A number as JSON writes it, with each of its digits."""

    __slots__ = ()


def secrets(text: str, wanted: frozenset[str], uri: str) -> dict[str, Secret]:
    """The wanted secrets of a JSON object. Numbers and booleans are as the text has them. Raises SecretsError."""
    return of(held(text, uri), wanted, uri)


def held(text: str, uri: str) -> dict[str, object]:
    """All that a JSON object holds, with a Number for each number. Raises SecretsError."""
    try:
        found = loaded(text)
    except json.JSONDecodeError as error:
        raise SecretsError(f"{uri} isn't JSON: {error.msg} at character {error.pos}.", hint=_JSON) from None
    except RecursionError:
        raise SecretsError(f"{uri} nests too deeply.", hint=_JSON) from None
    if not isinstance(found, dict):
        raise SecretsError(f"{uri} holds no JSON object.", hint=_JSON)
    return found


def loaded(text: str | bytes) -> Any:  # noqa: ANN401 - JSON
    """Any JSON, with a Number for each number. Raises ValueError, and RecursionError for what nests too deeply."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)


def written(found: object) -> str:
    """JSON of what may have Numbers in it, each as it was. Raises SecretsError for what nests too deeply."""
    try:
        return _written(found)
    except RecursionError:
        raise SecretsError("What the store has nests too deeply to be written again.", hint=_JSON) from None


def time(text: object) -> datetime | None:
    """A time in ISO 8601, in UTC if it has no zone; None for what isn't one."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def of(found: Mapping[str, object], wanted: frozenset[str], uri: str) -> dict[str, Secret]:
    """The wanted secrets of an object that JSON can hold. Raises SecretsError."""
    return {name: value(found[name], name, uri) for name in sorted(wanted & found.keys())}


def value(found: object, name: str, uri: str) -> Secret:
    """One secret. Raises SecretsError for what no environment variable can hold."""
    if isinstance(found, bool):
        found = json.dumps(found)
    if not isinstance(found, str):
        kind = {dict: "an object", list: "a list", type(None): "null"}.get(type(found), "not text")
        raise SecretsError(f"{name} in {uri} is {kind}.", hint="write it as text")
    if "\0" in found:
        raise SecretsError(
            f"{name} in {uri} has a NUL character, which no variable can hold.", hint="encode it in base64"
        )
    if _HALF.search(found):
        raise SecretsError(f"{name} in {uri} has half a character.", hint="write it in UTF-8, or encode it in base64")
    return Secret(str(found))


def _written(found: object) -> str:
    if isinstance(found, Number):
        return str(found)
    if isinstance(found, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_written(value)}" for name, value in found.items()) + "}"
    if isinstance(found, list):
        return "[" + ", ".join(_written(value) for value in found) + "]"
    return json.dumps(found)
