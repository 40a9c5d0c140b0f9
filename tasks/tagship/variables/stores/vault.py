"""`vault://MOUNT/PATH`: a secret of Vault's or OpenBao's KV engine, version 1 or 2, with one key for each name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tagship.errors import SecretsError
from tagship.secret import Secret
from tagship.variables import parsing
from tagship.variables.store import UNSURE, Found, bounded
from tagship.variables.stores.vault_client import MOUNTS, Client, Where

WRITTEN_WITHIN = 15.0
"""Seconds for a write, login and logout included."""


@dataclass(frozen=True)
class _Place:
    """Where the engine has the secret."""

    path: str
    versioned: bool


@dataclass(frozen=True)
class _Content:
    """All that the secret holds; nothing if it doesn't exist or was deleted."""

    values: dict[str, Any]
    version: int = 0
    changed: datetime | None = None
    there: bool = True


class VaultStore:
    """Speaks to Vault anew for each read, and keeps neither values nor a token."""

    def __init__(self, uri: str) -> None:
        """Raises ConfigError."""
        self.uri = uri
        self._where = Where.of(uri)

    def read(self, wanted: frozenset[str]) -> Mapping[str, Found]:
        """Version and time are those of the whole secret: Vault doesn't count them by key."""
        with Client(self._where) as client:
            found = self._content(client, self._place(client))
        if not found.there:
            raise SecretsError(
                f"Vault has no secret {self._where.path}.", hint=f"run `vault kv put {self._where.path}`"
            )
        version = str(found.version or "")
        secrets = parsing.of(found.values, wanted, self.uri)
        return {name: Found(secret, version, found.changed) for name, secret in secrets.items()}

    def write(self, name: str, value: Secret) -> str:
        """With version 2, only over the version that was read; version 1 can't tell a change made meanwhile."""
        return bounded(self.uri, WRITTEN_WITHIN, lambda: self._written(name, value), UNSURE)

    def _written(self, name: str, value: Secret) -> str:
        with Client(self._where) as client:
            place = self._place(client)
            before = self._content(client, place)
            values = {**before.values, name: value.reveal()}
            if not place.versioned:
                client.ask("POST", place.path, values)
                return ""
            said = client.ask("POST", place.path, {"options": {"cas": before.version}, "data": values})
            return str((said or {}).get("data", {}).get("version", ""))

    def _place(self, client: Client) -> _Place:
        """Ask which engine is mounted where, as Vault's own client does."""
        path = self._where.path
        found = (client.ask("GET", f"{MOUNTS}{quote(path)}") or {}).get("data") or {}
        if found.get("type") not in {"kv", "generic"}:
            raise SecretsError(
                f"{path} isn't in a KV engine of Vault.", hint="check the mount, the first word of the path"
            )
        mount = str(found.get("path", "")).strip("/")
        rest = quote(path.removeprefix(mount).strip("/"))
        versioned = (found.get("options") or {}).get("version") == "2"
        return _Place(f"{quote(mount)}/data/{rest}" if versioned else f"{quote(mount)}/{rest}", versioned)

    @staticmethod
    def _content(client: Client, place: _Place) -> _Content:
        said = client.ask("GET", place.path)
        data = (said or {}).get("data") or {}
        if not place.versioned:
            return _Content(dict(data), there=said is not None)
        kept = data.get("metadata") or {}
        return _Content(
            dict(data.get("data") or {}),
            int(kept.get("version", 0)),
            parsing.time(kept.get("created_time")),
            there=said is not None and data.get("data") is not None,
        )
