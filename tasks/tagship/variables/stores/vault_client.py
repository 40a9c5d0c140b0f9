"""Speaks to Vault or OpenBao over HTTP: logs in, asks, and says in one line what went wrong."""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tagship.errors import ConfigError, SecretsError, TagshipError
from tagship.secret import Secret
from tagship.system import web
from tagship.system.deadline import Deadline
from tagship.variables import parsing

WITHIN = 12.0
"""Seconds for everything that one read asks, login included."""
FORM = "vault://MOUNT/PATH[?address=URL&namespace=NAME&role=NAME&login=PATH&audience=TEXT]"
_OPTIONS = frozenset({"address", "namespace", "role", "login", "audience"})
_FORBIDDEN, _MISSING = 403, 404
MOUNTS = "sys/internal/ui/mounts/"
"""Below it, Vault tells which engine is mounted where."""


@dataclass(frozen=True)
class Where:
    """A path in a Vault server, and how to log in there; empty options are taken from Vault's own variables."""

    path: str
    address: str
    namespace: str = ""
    role: str = ""
    """Of the JWT login of GitHub Actions."""
    login: str = ""
    """Where the login method is mounted, if not under its own name."""
    audience: str = ""

    @classmethod
    def of(cls, uri: str) -> "Where":
        """Read a URI. Raises ConfigError, also for an address that would send tokens unencrypted over a network."""
        parts = urlsplit(uri)
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        path = f"{parts.netloc}{parts.path}".strip("/")
        if "@" in parts.netloc or parts.fragment or "/" not in path or given.keys() - _OPTIONS:
            raise ConfigError(f"secrets: {_harmless(uri)!r} isn't a Vault URI.", hint=f"write {FORM}")
        address = (given.pop("address", "") or os.environ.get("VAULT_ADDR", "")).rstrip("/")
        if not address:
            raise ConfigError(
                f"secrets: {uri} doesn't say which Vault.", hint="set VAULT_ADDR, or add ?address=https://…"
            )
        host = urlsplit(address)
        if host.scheme not in {"http", "https"} or not host.hostname or "@" in host.netloc:
            raise ConfigError("Vault's address isn't a URL of http or https.", hint="write https://HOST:8200")
        if host.scheme == "http" and not web.is_loopback(address):
            raise ConfigError(f"{address} would get Vault's token unencrypted.", hint="use https://")
        given.setdefault("namespace", os.environ.get("VAULT_NAMESPACE", ""))
        return cls(path, address, **given)


class Client:
    """A login. As a context manager it revokes the token at the end if it got one by logging in."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._until = Deadline()
        self._token: Secret | None = None
        self._own = False
        self.lasts = inf
        """Seconds that the token was given for when it was made or renewed."""

    def __enter__(self) -> Self:
        """Raises SecretsError if Vault can't be reached or refuses the login."""
        self.allow(WITHIN)
        self._token = self._login()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The answers are there already, so nothing depends on this one."""
        if self._own and self._token:
            self.allow(2)
            with contextlib.suppress(SecretsError):  # it expires by itself
                self._send("POST", "auth/token/revoke-self", {})

    def allow(self, seconds: float) -> None:
        """Set the time for the requests that follow."""
        self._until.move(seconds)

    def prolong(self) -> None:
        """Renew the token itself, for all leases end with it; a token that can't be renewed stays as it is."""
        status, said = self._send("POST", "auth/token/renew-self", {})
        if status < 300:  # noqa: PLR2004 - HTTP's successes
            self._note(said)
        elif status < 500:  # noqa: PLR2004 - HTTP's failures of the server
            self.lasts = inf

    def _note(self, said: Mapping[str, Any]) -> None:
        auth = said.get("auth")
        if isinstance(auth, dict) and auth.get("renewable", True):
            self.lasts = seconds(auth.get("lease_duration"), never=inf)
        else:
            self.lasts = inf

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, again: bool = True
    ) -> dict[str, Any] | None:
        """What Vault answers; None if there is nothing at that path. Raises SecretsError.

        `again`: a read may be repeated after its connection broke.
        """
        status, said = self._send(method, path, body, again=again)
        if status < 300:  # noqa: PLR2004 - HTTP's successes
            return said
        if status == _MISSING:
            return said if said.get("data") else None  # of a deleted version, it tells the number
        if status == _FORBIDDEN:
            raise self._denied(path, "create and update" if body else "read")
        if "check-and-set" in str(said.get("errors")):
            raise SecretsError(f"Somebody else changed {self._where.path} at the same time.", hint="repeat it")
        raise self._failed(f"doesn't answer {path}", status, said)

    def _denied(self, path: str, capability: str) -> TagshipError:
        """Tell a token that has expired from one that isn't allowed to do this."""
        status, _ = self._send("GET", "auth/token/lookup-self")
        if status == _FORBIDDEN:
            return SecretsError(
                f"The token for Vault at {self._where.address} has expired, or was revoked.",
                hint="run `vault login` again, or set VAULT_TOKEN to a new one",
            )
        if path.startswith(MOUNTS):  # Vault also refuses to tell of a mount that doesn't exist
            return SecretsError(
                f"Vault has no {unquote(path.removeprefix(MOUNTS))}, or denies access to it.",
                hint=f"check the mount and the path, or add that path with `{capability}` to the policy of its token",
            )
        return SecretsError(
            f"Vault denies access to {path}.", hint=f"add that path with `{capability}` to the policy of its token"
        )

    def _login(self) -> Secret:
        """By VAULT_TOKEN, AppRole, a GitHub Actions job's identity, or what `vault login` left, in this order.

        Within such a job, AppRole's variables may be another Vault's, so a role in the URI goes before them.
        """
        if token := web.token("VAULT_TOKEN", os.environ):
            return Secret(token)
        if self._where.role and os.environ.get("GITHUB_ACTIONS") == "true":
            return self._by_job()
        if role := os.environ.get("VAULT_ROLE_ID"):
            secret = Secret(os.environ.get("VAULT_SECRET_ID", ""))
            return self._logged_in("approle", {"role_id": role, "secret_id": secret.reveal()})
        if self._where.role:
            return self._by_job()
        file = Path.home() / ".vault-token"
        if file.is_file() and (kept := file.read_text().strip()):
            return Secret(kept)
        raise SecretsError(
            f"There is no login for Vault at {self._where.address}.",
            hint="set VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, or run `vault login`; in GitHub Actions add "
            "&role=NAME to the URI",
        )

    def _by_job(self) -> Secret:
        return self._logged_in("jwt", {"role": self._where.role, "jwt": self._job().reveal()})

    def _logged_in(self, method: str, body: Mapping[str, str]) -> Secret:
        mount = self._where.login or method
        status, said = self._send("POST", f"auth/{quote(mount)}/login", body)
        found = (said.get("auth") or {}).get("client_token")
        if not found:
            hint = "check VAULT_ROLE_ID and VAULT_SECRET_ID" if method == "approle" else "check the role's bound claims"
            raise self._failed(f"refuses the login at auth/{mount}", status, said, hint)
        self._own = True
        self._note(said)
        return Secret(found)

    def _job(self) -> Secret:
        """The token by which GitHub says who this job is."""
        url, token = (os.environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}") for name in ("URL", "TOKEN"))
        if not url or not token:
            raise SecretsError(
                "This job has no identity token.",
                hint="add `permissions: {id-token: write}` to the job; outside of GitHub Actions, set VAULT_TOKEN",
            )
        audience = quote(self._where.audience or self._where.address, safe="")
        headers = {"Authorization": f"Bearer {Secret(token).reveal()}"}
        try:
            reply = web.request("GET", f"{url}&audience={audience}", headers, within=self._until.left)
            return Secret(str(json.loads(reply.body)["value"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise SecretsError("GitHub gave this job no identity token.", hint="repeat the job") from None

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, again: bool = True
    ) -> tuple[int, dict[str, Any]]:
        """The status and what the answer says. The token is never repeated to another host that it redirects to."""
        where = self._where
        headers = {"X-Vault-Request": "true"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        if where.namespace:
            headers["X-Vault-Namespace"] = where.namespace
        text = None if body is None else parsing.written(body)
        authority = os.environ.get("VAULT_CACERT", "")
        try:
            reply = web.request(
                method, f"{where.address}/v1/{path}", headers, text,
                within=max(0.1, self._until.left), authority=authority, again=again,
            )  # fmt: skip
        except OSError as error:
            raise SecretsError(
                f"Vault at {where.address} can't be reached: {_reason(error)}.", hint="check VAULT_ADDR and the network"
            ) from None
        try:
            said = parsing.loaded(reply.body) if reply.body else {}
        except ValueError:
            said = {}
        except RecursionError:
            raise SecretsError(
                f"{path} in Vault nests too deeply.", hint="write an object of names and texts"
            ) from None
        return reply.status, said if isinstance(said, dict) else {}

    def _failed(self, what: str, status: int, said: Mapping[str, Any], hint: str = "") -> TagshipError:
        """An error with what Vault itself says about it."""
        errors = said.get("errors")
        lines = "; ".join(" ".join(str(line).split()) for line in (errors if isinstance(errors, list) else ()))
        if status == 503:  # noqa: PLR2004 - HTTP's "unavailable"
            return SecretsError(f"Vault at {self._where.address} is sealed.", hint="run `vault operator unseal`")
        reason = lines or f"HTTP {status}"
        return SecretsError(f"Vault at {self._where.address} {what}: {reason}.", hint=hint or "see its log")


def seconds(said: object, never: float) -> float:
    """A duration that Vault says; `never`: what 0, or none at all, stands for."""
    try:
        found = float(str(said))
    except ValueError:
        return never
    return found if 0 < found < inf else never


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).rstrip(".")


def _harmless(uri: str) -> str:
    """A malformed URI without what may be a password or a token."""
    return f"{uri.partition('://')[0]}://…{urlsplit(uri).path}"
