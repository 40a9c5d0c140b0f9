"""Reads what a store or a program prints: a JSON object, or NAME=value lines."""

import json
from collections.abc import Mapping

from tagship.errors import SecretsError
from tagship.secret import Secret

_JSON = 'write an object of names and texts: {"DB_PASSWORD": "…"}'


def secrets(text: str, wanted: frozenset[str], uri: str) -> dict[str, Secret]:
    """The wanted secrets of a JSON object. Numbers and booleans are as JSON writes them. Raises SecretsError."""
    return of(held(text, uri), wanted, uri)


def held(text: str, uri: str) -> dict[str, object]:
    """All that a JSON object holds, as it is. Raises SecretsError."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise SecretsError(f"{uri} isn't JSON: {error.msg} at character {error.pos}.", hint=_JSON) from None
    if not isinstance(found, dict):
        raise SecretsError(f"{uri} holds no JSON object.", hint=_JSON)
    return found


def of(found: Mapping[str, object], wanted: frozenset[str], uri: str) -> dict[str, Secret]:
    """The wanted secrets of an object that JSON can hold. Raises SecretsError."""
    return {name: value(found[name], name, uri) for name in sorted(wanted & found.keys())}


def value(found: object, name: str, uri: str) -> Secret:
    """One secret. Raises SecretsError for what no environment variable can hold."""
    if isinstance(found, bool | int | float):
        found = json.dumps(found)
    if not isinstance(found, str):
        kind = {dict: "an object", list: "a list", type(None): "null"}.get(type(found), "not text")
        raise SecretsError(f"{name} in {uri} is {kind}.", hint="write it as text")
    if "\0" in found:
        raise SecretsError(
            f"{name} in {uri} has a NUL character, which no variable can hold.", hint="encode it in base64"
        )
    return Secret(found)
