"""Secrets by name: `⟦NAME⟧` in a Compose model stands for the value, which is filled in last."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from tagship.secret import Secret

_PLAIN = re.compile("[a-z0-9_]+")

_SECRET = re.compile(r"⟦([A-Za-z_][A-Za-z0-9_./-]*)⟧")

Model = Mapping[str, Any]


def secret_names(text: str) -> frozenset[str]:
    """The names of the secrets in a text."""
    return frozenset(_SECRET.findall(text))


def named(model: Model) -> frozenset[str]:
    """The variables that Compose must find in its own environment, for secrets and configs."""
    items = (item for kind in ("secrets", "configs") for item in (model.get(kind) or {}).values())
    return frozenset(item["environment"] for item in items if "environment" in item)


def fill(value: Any, secrets: Mapping[str, Secret]) -> Any:  # noqa: ANN401 - any part of a JSON document
    """Replace `⟦NAME⟧` by the secret; its `$` is escaped as Compose expects."""
    if isinstance(value, str):
        return _SECRET.sub(lambda found: _escaped(secrets[found[1]]) if found[1] in secrets else found[0], value)
    if isinstance(value, Mapping):
        return {key: fill(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, secrets) for item in value]
    return value


def _escaped(secret: Secret) -> str:
    return secret.reveal().replace("$", "$$")


def file_secret(key: str) -> str:
    """The variable that carries the content of a secret file; `a_b`, `a-b` and `A_B` have different ones."""
    plain = re.sub("[^A-Z0-9]", "_", key.upper())
    if _PLAIN.fullmatch(key):
        return f"TAGSHIP_FILE_{plain}"
    return f"TAGSHIP_FILE_{plain}_{hashlib.sha256(key.encode()).hexdigest()[:8].upper()}"
