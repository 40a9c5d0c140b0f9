"""Asks a registry for the digest of a tag, and stores small artifacts in it.

The distribution API, https://distribution.github.io/distribution/spec/api/.
"""

from __future__ import annotations

import base64
import hashlib
import http
import json
import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from tagship.errors import RegistryError, plain
from tagship.images.challenge import parsed
from tagship.images.credentials import credentials
from tagship.names import Digest
from tagship.system import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tagship.images.registry_auth import RegistryAuth
    from tagship.system.web import Reply

TIMEOUT = 10.0
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_SERVER = 500
_HUB = ("docker.io", "registry-1.docker.io")


class UnreachableRegistryError(RegistryError):
    """The registry doesn't answer at all. Images that are on the server can still be deployed."""


def split(repository: str) -> tuple[str, str]:
    """Split `HOST/NAME` like Docker does: the first part is a host if it has a dot or a port."""
    host, slash, name = repository.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return host, name
    return "docker.io", repository if slash else f"library/{repository}"


def digest_of(text: str) -> Digest:
    """The digest under which a registry keeps a text."""
    return Digest(f"sha256:{hashlib.sha256(text.encode()).hexdigest()}")


class Registry:
    """One registry, and the credentials for it.

    It uses HTTPS and checks certificates. It uses HTTP only for this machine, or if tagship.yml says `insecure`.
    """

    def __init__(self, host: str, *, insecure: bool = False) -> None:
        self.host = host
        self.credentials = credentials(host)
        self._insecure = insecure
        self._signing: dict[str, RegistryAuth] = {}

    def digest(self, name: str, tag: str) -> Digest | None:
        """The digest of a tag; None if there is no such tag.

        Raises RegistryError, or its subclass without an answer.
        """
        reply = self._ask("HEAD", f"/v2/{name}/manifests/{tag}", name, {"Accept": MANIFESTS})
        if reply.status == http.HTTPStatus.NOT_FOUND:
            return None
        if reply.status != http.HTTPStatus.OK:
            raise RegistryError(
                f"{self.host} answers {reply.status} for {name}:{tag}.",
                hint=_HINTS.get(reply.status, _HINTS[500] if reply.status >= _SERVER else _OTHERWISE),
            )
        if "docker-content-digest" not in reply.headers:
            raise RegistryError(
                f"{self.host} gives no digest for {name}:{tag}.", hint="check whether a proxy drops headers"
            )
        if not _DIGEST.fullmatch(digest := reply.headers["docker-content-digest"]):
            raise RegistryError(
                f"{self.host} gives {digest[:80]!r} for the digest of {name}:{tag}.",
                hint="check `registry` in tagship.yml",
            )
        return Digest(digest)

    def upload(self, name: str, content: str) -> None:
        """Upload a blob to a repository. Raises RegistryError."""
        begun = self._sent("POST", f"/v2/{name}/blobs/uploads/", name, {}, None)
        where = begun.headers.get("location", "")
        if urlsplit(urljoin(self._base, where))[:2] != urlsplit(self._base)[:2]:  # it would get the credentials
            raise RegistryError(
                f"{self.host} wants uploads to go to {where[:80]!r}, which isn't {self._base}.",
                hint="check the registry's own address, and X-Forwarded-Proto of a proxy before it",
            )
        end = f"{where}{'&' if '?' in where else '?'}{urlencode({'digest': digest_of(content)})}"
        self._sent("PUT", end, name, {"Content-Type": "application/octet-stream"}, content)

    def put_manifest(self, name: str, tag: str, kind: str, manifest: str) -> Digest:
        """Store a manifest, whose blobs are there. Returns its digest. Raises RegistryError."""
        self._sent("PUT", f"/v2/{name}/manifests/{tag}", name, {"Content-Type": kind}, manifest)
        return digest_of(manifest)

    def _sent(self, method: str, where: str, name: str, headers: Mapping[str, str], body: str | None) -> Reply:
        """Change something. Raises RegistryError, with the registry's own words."""
        reply = self._ask(method, where, name, headers, body, may="pull,push")
        if reply.status not in {http.HTTPStatus.CREATED, http.HTTPStatus.ACCEPTED}:
            said = " ".join(reply.body.decode(errors="replace").split())[:200]
            raise RegistryError(
                f"{self.host} answers {reply.status} to {method} for {name}: {said or 'nothing'}.",
                hint=_HINTS.get(reply.status, _HINTS[500] if reply.status >= _SERVER else _OTHERWISE),
            )
        return reply

    @property
    def _base(self) -> str:
        """Scheme and host of its API."""
        host = _HUB[1] if self.host == _HUB[0] else self.host
        return f"{'http' if self._insecure or web.is_loopback(f'//{host}') else 'https'}://{host}"

    def _ask(  # noqa: PLR0913 - one request
        self,
        method: str,
        where: str,
        name: str,
        headers: Mapping[str, str],
        body: str | None = None,
        *,
        may: str = "pull",
    ) -> Reply:
        """Make one request about a repository. `where`: a path, or a URL that the registry itself has named."""
        try:
            return web.request(
                method, urljoin(self._base, where), headers, body, within=TIMEOUT, auth=self._auth(name, may)
            )
        except ssl.SSLError as error:
            raise RegistryError(f"{self.host} can't be reached over HTTPS: {error}.", hint=_INSECURE) from error
        except OSError as error:
            raise UnreachableRegistryError(
                f"The registry {self.host} doesn't answer: {plain(error)}.",
                hint="check `registry` in tagship.yml, and that it runs",
            ) from error

    def _auth(self, name: str, may: str) -> RegistryAuth:
        """Signs requests about one repository, for which a token is valid."""
        from tagship.images.registry_auth import RegistryAuth  # noqa: PLC0415 - requests is heavy

        scope = f"repository:{name}:{may}"
        if scope not in self._signing:
            self._signing[scope] = RegistryAuth(lambda challenge: self._authorization(challenge, scope))
        return self._signing[scope]

    def _authorization(self, challenge: str, scope: str) -> str:
        """The header that answers a challenge; empty without credentials, unless a token is wanted."""
        offered = parsed(challenge)
        if realm := offered.get("bearer", {}).get("realm", ""):
            if not self._is_safe(realm):
                raise RegistryError(f"{self.host} asks for a password in clear text, to {realm}.", hint=_INSECURE)
            return f"Bearer {self._token(realm, offered['bearer'].get('service', ''), scope)}"
        if "basic" in offered and "username" in self.credentials:
            return f"Basic {self._basic()}"
        return ""

    def _is_safe(self, realm: str) -> bool:
        """Whether a password may be sent there: encrypted, or as the registry itself is spoken to."""
        try:
            kind = urlsplit(realm).scheme
        except ValueError:
            raise RegistryError(
                f"{self.host} wants sign-ins at {realm[:80]!r}, which is no URL.",
                hint="check `registry` in tagship.yml",
            ) from None
        beside_us = web.is_loopback(f"//{self.host}") and web.is_loopback(realm)
        return kind == "https" or (kind == "http" and (self._insecure or beside_us))

    def _token(self, realm: str, service: str, scope: str) -> str:
        """A bearer token from the registry's authorization server (distribution spec, "token authentication")."""
        where = urlsplit(realm).netloc
        try:
            reply = self._ask_for_token(realm, {"service": service, "scope": scope})
        except ssl.SSLError as error:
            raise RegistryError(
                f"{where} can't be reached over HTTPS: {error}.", hint="check its certificate, and SSL_CERT_FILE"
            ) from error
        except OSError as error:
            raise UnreachableRegistryError(
                f"{where} doesn't answer: {plain(error)}.",
                hint="check that it runs: the registry sends everybody there",
            ) from error
        if reply.status != http.HTTPStatus.OK:
            raise RegistryError(f"{where} refused to sign in ({reply.status}).", hint=_HINTS[401])
        try:
            answer = json.loads(reply.body)
            token = str(answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            token = ""
        if not re.fullmatch(r"[!-~]+", token):
            raise RegistryError(f"{where} answered without a token.", hint="check the registry's address")
        return token

    def _ask_for_token(self, realm: str, about: Mapping[str, str]) -> Reply:
        """By GET with name and password, or with neither; with an identity token by POST, as OAuth 2 has it."""
        if token := self.credentials.get("identitytoken"):
            form = {"grant_type": "refresh_token", "client_id": "tagship", **about, "refresh_token": token}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return web.request("POST", realm, headers, urlencode(form), within=TIMEOUT)
        headers = {"Authorization": f"Basic {self._basic()}"} if self.credentials else {}
        return web.request("GET", f"{realm}{'&' if '?' in realm else '?'}{urlencode(about)}", headers, within=TIMEOUT)

    def _basic(self) -> str:
        return base64.b64encode(f"{self.credentials['username']}:{self.credentials['password']}".encode()).decode()


_INSECURE = "check its certificate; for a registry that speaks HTTP, set `registry-insecure: true` in tagship.yml"
_HINTS = {
    401: "run `docker login`, or set TAGSHIP_REGISTRY_USERNAME and TAGSHIP_REGISTRY_PASSWORD",
    403: "check that this account may read the repository",
    429: "try again later; the registry's rate limit is reached",
    500: "try again later, or look at the registry's log",
}
_OTHERWISE = "check `registry` in tagship.yml"
