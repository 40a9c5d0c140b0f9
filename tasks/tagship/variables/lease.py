"""Database credentials that Vault makes for one migration: renewed while it runs, and revoked after it."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from math import inf
from urllib.parse import quote

from tagship.errors import SecretsError, TagshipError
from tagship.project.migration_settings import CredentialSettings
from tagship.secret import Secret
from tagship.system.parallel import started
from tagship.system.signals import uninterrupted
from tagship.system.threads import Thread
from tagship.variables.store import bounded
from tagship.variables.stores.vault_client import Client, Where, seconds

WITHIN = 10.0
"""Seconds for each request while the lease is held."""
OVERTIME = 5.0
"""Seconds for what goes with such a request: waiting for a renewal, logging out."""
MADE_WITHIN = 25.0
"""Seconds for the login and the making of a role."""
OFTEN = 3
"""How many times the lease is renewed in its life."""
NEAR = 2.0
"""Seconds before its end when a role may already be gone: Vault says whole seconds."""


class Lease:
    """One role of a database, made for us. It ends by itself when nobody renews it any more."""

    def __init__(self, where: Where) -> None:
        """Raises SecretsError if Vault refuses, or makes something else at that path."""
        self.path = where.path
        with contextlib.ExitStack() as until_made:
            self._client = until_made.enter_context(Client(where))
            self._make()
            self._closing = until_made.pop_all()
        self.failed = ""
        """Why it couldn't be renewed."""
        self._done = threading.Event()
        self._renewing = Thread(target=self._renew, name="tagship-lease", daemon=True)
        self._renewing.start()

    def _make(self) -> None:
        if self._client.lasts == inf:  # of a token that was given, that tells how long it still lasts
            with contextlib.suppress(SecretsError):  # if Vault is away, the next request says so
                self._client.prolong()
            self._client.allow(WITHIN)
        # repeated after a broken connection, it would make a second role, which nobody knows
        said = self._client.ask("GET", quote(self.path), again=False) or {}
        data = said.get("data")
        self._id = str(said.get("lease_id") or "")
        if not self._id or not isinstance(data, dict) or not {"username", "password"} <= data.keys():
            if self._id:
                with contextlib.suppress(SecretsError):  # it ends by itself
                    self._give_back()
            raise SecretsError(
                f"Vault makes no database credentials at {self.path}.",
                hint="check release.migrations.credentials.lease",
            )
        self.username, self.password = str(data["username"]), Secret(str(data["password"]))
        self._asked = self._granted = max(1, int(seconds(said.get("lease_duration"), never=3600)))
        self._end = time.monotonic() + self._granted

    def _renew(self) -> None:
        while not self._done.wait(self._pause()):
            try:
                self._client.allow(WITHIN)
                self._client.prolong()
                body = {"lease_id": self._id, "increment": self._asked}
                said = self._client.ask("POST", "sys/leases/renew", body) or {}
                self._granted = int(seconds(said.get("lease_duration", self._asked), never=0))
                self._end = time.monotonic() + self._granted
                self.failed = ""
            except SecretsError as error:
                self.failed = error.problem
            except Exception as error:  # noqa: BLE001 - whatever was answered, the next time may be better
                self.failed = f"Vault's answer can't be read: {type(error).__name__}."

    def _pause(self) -> float:
        """Seconds to the next renewal: Vault ends a lease with its token, too."""
        pause = max(1.0, min(self._granted, self._client.lasts)) / OFTEN
        return max(1.0, pause) if self.failed else pause

    @property
    def over(self) -> str:
        """Why the role may be gone before its migration has ended; empty if it isn't."""
        if self.failed:
            return self.failed
        capped = self._granted < self._asked - 1
        return "that time is over." if capped and time.monotonic() > self._end - NEAR else ""

    def revoke(self) -> None:
        """Wait until the role is gone. Raises SecretsError, also if that takes too long."""
        self._done.set()
        bounded(self.path, WITHIN + OVERTIME, self._end_it)

    def _end_it(self) -> None:
        with self._closing:
            self._renewing.join(OVERTIME / 2)
            self._give_back()

    def _give_back(self) -> None:
        self._client.allow(WITHIN)
        self._client.ask("POST", "sys/leases/revoke", {"lease_id": self._id, "sync": True})


@contextmanager
def leased(settings: CredentialSettings, tell: Callable[[str], object]) -> Iterator[Mapping[str, Secret]]:
    """The variables that a migration gets. Raises SecretsError; `tell` takes remarks.

    The lease is revoked in any case, after a signal too. If that fails, the migration's own result still counts.
    """
    lease = _made(Where.of(settings.lease))
    try:
        yield {name: _filled(text, lease) for name, text in settings.variables.items()}
    except TagshipError as error:
        if lease.over:
            error.add_hint(f"set a longer max_ttl for {lease.path}: {lease.over}")
        raise
    finally:
        with uninterrupted():
            try:
                lease.revoke()
            except SecretsError as error:
                tell(f"the lease of {lease.path} isn't revoked, but ends by itself: {error.problem}")


def _made(where: Where) -> Lease:
    """Make one. If a signal comes meanwhile, Vault may have made a role already: wait for it, and revoke it."""
    making = started(lambda: Lease(where))
    try:
        return bounded(where.path, MADE_WITHIN, making.result)
    except SecretsError:
        making.add_done_callback(_unwanted)
        raise
    except BaseException:
        with uninterrupted(), contextlib.suppress(Exception):
            making.result(WITHIN).revoke()
        raise


def _unwanted(making: "Future[Lease]") -> None:
    """Revoke one that came too late."""
    with contextlib.suppress(TagshipError):
        making.result().revoke()


def _filled(text: str, lease: Lease) -> Secret:
    """In a URL, both are percent-encoded."""
    username, password = lease.username, lease.password.reveal()
    if "://" in text:
        username, password = quote(username, safe=""), quote(password, safe="")
    return Secret(text.replace("{username}", username).replace("{password}", password))
