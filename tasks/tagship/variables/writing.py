"""Changes a secret in a store: which store takes it, and which names and values are possible."""

import re
from collections.abc import Sequence
from pathlib import Path

from tagship.errors import ConfigError, SecretsError, UsageError
from tagship.secret import Secret
from tagship.variables import secrets
from tagship.variables.store import WritableStore

LONGEST = 128 * 1024
"""Bytes of NAME=value with its end; Linux starts no process with a longer variable (MAX_ARG_STRLEN)."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_name(name: str) -> None:
    """Raises UsageError for a name that no Compose file can refer to, or that is Tagship's own."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} can't be a variable's name.", hint="use A-Z, a-z, 0-9 and _, and begin with no digit"
        )
    if name.startswith("TAGSHIP_"):
        raise UsageError(f"{name} is Tagship's own: no store is asked for it.", hint="use another name")


def check_value(name: str, value: Secret) -> None:
    """Raises SecretsError for a value that no environment variable can hold, and for none at all."""
    text = value.reveal()
    if not text:
        raise SecretsError(f"No value was given for {name}.", hint="type it, or pass it by stdin")
    if "\0" in text:
        raise SecretsError(f"{name} has a NUL character, which no variable can hold.", hint="encode it in base64")
    if len(f"{name}={text}".encode()) >= LONGEST:
        raise SecretsError(f"{name} is longer than 128 KiB, which no variable can hold.", hint="use a shorter one")


def writable(uris: Sequence[str], folder: Path, wanted: str = "") -> WritableStore:
    """The wanted store, or the last one that can be written to. Raises ConfigError."""
    if wanted and wanted not in uris:
        raise ConfigError(f"tagship.yml doesn't name the store {wanted}.", hint=f"use one of: {secrets.shown(uris)}")
    for uri in [wanted] if wanted else reversed(uris):
        store = secrets.open_store(uri, folder)
        if isinstance(store, WritableStore):
            return store
    raise ConfigError(
        f"{wanted or secrets.shown(uris)} can't be written to.",
        hint="change it where it comes from; on GitHub: gh secret set NAME --env ENVIRONMENT",
    )


def overriding(name: str, store: WritableStore, uris: Sequence[str], folder: Path) -> str:
    """The store whose value of this name counts instead of the given store's; empty for none. Raises SecretsError."""
    later = [*uris][[*uris].index(store.uri) + 1 :]
    found = secrets.read(later, [name], folder)
    return found[name].origin if name in found else ""


def check_kept(kept: str, name: str, value: Secret, uris: Sequence[str], folder: Path) -> None:
    """Raises UsageError if a value can't be kept under this name, or if another value would be lost by that."""
    if kept == name:
        raise UsageError(f"--keep-as {kept} is the secret itself.", hint=f"give another name, such as {name}_OLD")
    found = secrets.values(uris, [kept], folder).get(kept) if kept else None
    if found and found != value:
        raise UsageError(
            f"{kept} has another value already, which would be lost.",
            hint="deploy first if it was kept for that; then pass --overwrite",
        )
