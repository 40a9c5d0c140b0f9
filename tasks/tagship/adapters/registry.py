"""A registry, as far as a deploy asks it anything: which digest a tag names.

The distribution API, https://distribution.github.io/distribution/spec/api/.
"""

import base64
import http.client
import ipaddress
import json
import re
import ssl
from urllib.parse import urlencode, urlsplit

from tagship.adapters.credentials import credentials
from tagship.errors import RegistryError
from tagship.model import Digest

TIMEOUT = 10.0
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json"
)
_HUB = ("docker.io", "registry-1.docker.io")


class UnreachableRegistryError(RegistryError):
    """The registry doesn't answer at all: what is on the server already can still be deployed."""


def split(repository: str) -> tuple[str, str]:
    """`HOST/NAME`, as Docker reads a reference: the first part is a host when it has a dot or a port."""
    host, slash, name = repository.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return host, name
    return "docker.io", repository if slash else f"library/{repository}"


class Registry:
    """One registry and what we know of signing in to it."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.credentials = credentials(host)
        self._plain = _may_be_plain(host)
        self._authorization: dict[str, dict[str, str]] = {}
        """Repository → the header that signs a request about it; a token is good for one repository."""

    def digest(self, name: str, tag: str) -> Digest | None:
        """What a tag names; None when there is no such tag. Raises RegistryError."""
        path = f"/v2/{name}/manifests/{tag}"
        status, headers = self._head(path, self._authorization.get(name, {}))
        if status == http.HTTPStatus.UNAUTHORIZED:
            self._sign_in(headers.get("WWW-Authenticate", ""), name)
            status, headers = self._head(path, self._authorization.get(name, {}))
        if status == http.HTTPStatus.NOT_FOUND:
            return None
        if status != http.HTTPStatus.OK:
            raise RegistryError(f"{self.host} answers {status} for {name}:{tag}.", hint=_HINTS.get(status, ""))
        if "Docker-Content-Digest" not in headers:
            raise RegistryError(f"{self.host} names no digest for {name}:{tag}.", hint="is a proxy dropping headers?")
        return Digest(headers["Docker-Content-Digest"])

    def _head(self, path: str, signed: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
        try:
            connection = self._connect()
            connection.request("HEAD", path, headers={"Accept": MANIFESTS, **signed})
            response = connection.getresponse()
            response.read()
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableRegistryError(f"The registry {self.host} doesn't answer: {error}.") from error
        return response.status, response.headers

    def _connect(self) -> http.client.HTTPConnection:
        host = _HUB[1] if self.host == _HUB[0] else self.host
        if self._plain is not True:
            connection = http.client.HTTPSConnection(host, timeout=TIMEOUT, context=ssl.create_default_context())
            try:
                connection.connect()
            except ssl.SSLError:
                if self._plain is False:
                    raise
                self._plain = True
            else:
                return connection
        return http.client.HTTPConnection(host, timeout=TIMEOUT)

    def _sign_in(self, challenge: str, name: str) -> None:
        kind, _, rest = challenge.partition(" ")
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() == "basic" and self.credentials:
            self._authorization[name] = {"Authorization": f"Basic {self._basic()}"}
        elif kind.lower() == "bearer" and wanted.get("realm", "").startswith("https://"):
            token = self._token(wanted["realm"], wanted.get("service", ""), f"repository:{name}:pull")
            self._authorization[name] = {"Authorization": f"Bearer {token}"}

    def _token(self, realm: str, service: str, scope: str) -> str:
        """A bearer token of the registry's authorization server (distribution spec, "token authentication")."""
        address = urlsplit(realm)
        connection = http.client.HTTPSConnection(address.netloc, timeout=TIMEOUT, context=ssl.create_default_context())
        headers = {"Authorization": f"Basic {self._basic()}"} if self.credentials else {}
        try:
            connection.request(
                "GET", f"{address.path}?{urlencode({'service': service, 'scope': scope})}", headers=headers
            )
            response = connection.getresponse()
            body = response.read()
        except OSError as error:
            raise UnreachableRegistryError(f"{address.netloc} doesn't answer: {error}.") from error
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise RegistryError(f"{address.netloc} refused to sign in ({response.status}).", hint=_HINTS[401])
        said = json.loads(body)
        return str(said.get("token") or said["access_token"])

    def _basic(self) -> str:
        return base64.b64encode(f"{self.credentials['username']}:{self.credentials['password']}".encode()).decode()


_HINTS = {
    401: "run `docker login`, or set TAGSHIP_REGISTRY_USERNAME and TAGSHIP_REGISTRY_PASSWORD",
    403: "may this account read that repository?",
    429: "the registry limits how often it may be asked; try again later",
}


def _may_be_plain(host: str) -> bool | None:
    """True: HTTP without asking (this machine). None: HTTPS first, HTTP where it has none. False: HTTPS only."""
    name = host.rpartition(":")[0] or host
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    return True if address.is_loopback else None if address.is_private else False
