"""Database credentials that Vault makes for one migration: renewed while it runs, and revoked after it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from tagship.errors import SecretsError, TagshipError
from tagship.project.migration_settings import CredentialSettings
from tagship.secret import Secret
from tagship.system.signals import uninterrupted
from tagship.variables.stores.vault_client import Client, Where

WITHIN = 10.0
"""Seconds for each request while the lease is held."""
OFTEN = 3
"""How many times the lease is renewed in its life."""


class Lease:
    """One role of a database, made for us. It ends by itself when nobody renews it any more."""

    def __init__(self, client: Client, path: str) -> None:
        """Raises SecretsError if Vault refuses, or makes something else at that path."""
        self._client = client
        self.path = path
        said = client.ask("GET", quote(path)) or {}
        data = said.get("data") or {}
        if not said.get("lease_id") or not {"username", "password"} <= data.keys():
            raise SecretsError(
                f"Vault makes no database credentials at {path}.", hint="check release.migrations.credentials.lease"
            )
        self._id, self._seconds = str(said["lease_id"]), max(1, int(said["lease_duration"]))
        self.username, self.password = str(data["username"]), Secret(str(data["password"]))
        self.failed = ""
        """Why it couldn't be renewed."""
        self._done = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="tagship-lease", daemon=True)
        self._renewing.start()

    def _renew(self) -> None:
        while not self._done.wait(self._seconds / OFTEN):
            try:
                self._client.allow(WITHIN)
                self._client.prolong()
                self._client.ask("POST", "sys/leases/renew", {"lease_id": self._id, "increment": self._seconds})
                self.failed = ""
            except SecretsError as error:
                self.failed = error.problem

    def revoke(self) -> None:
        """Wait until the role is gone. Raises SecretsError."""
        self._done.set()
        self._renewing.join(WITHIN)
        self._client.allow(WITHIN)
        self._client.ask("POST", "sys/leases/revoke", {"lease_id": self._id, "sync": True})


@contextmanager
def leased(settings: CredentialSettings, tell: Callable[[str], object]) -> Iterator[Mapping[str, Secret]]:
    """The variables that a migration gets. Raises SecretsError; `tell` takes remarks.

    The lease is revoked in any case, after a signal too. If that fails, the migration's own result still counts.
    """
    where = Where.of(settings.lease)
    with Client(where) as client:
        lease = Lease(client, where.path)
        try:
            yield {name: _filled(text, lease) for name, text in settings.variables.items()}
        except TagshipError as error:
            if lease.failed:
                error.add_hint(f"set a longer max_ttl for {where.path}: {lease.failed}")
            raise
        finally:
            with uninterrupted():
                try:
                    lease.revoke()
                except SecretsError as error:
                    tell(f"the lease of {where.path} isn't revoked, but ends by itself: {error.problem}")


def _filled(text: str, lease: Lease) -> Secret:
    """In a URL, both are percent-encoded."""
    username, password = lease.username, lease.password.reveal()
    if "://" in text:
        username, password = quote(username, safe=""), quote(password, safe="")
    return Secret(text.replace("{username}", username).replace("{password}", password))
