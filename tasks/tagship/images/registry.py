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

from tagship.errors import RegistryError
from tagship.images.credentials import credentials
from tagship.names import Digest

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
    """One registry and what we know of signing in to it.

    HTTPS, certificates checked. HTTP only with this machine itself, or one that tagship.yml calls `insecure`.
    """

    def __init__(self, host: str, *, insecure: bool = False) -> None:
        self.host = host
        self.credentials = credentials(host)
        self._insecure = insecure
        self._authorization: dict[str, dict[str, str]] = {}
        """Repository → the header that signs a request about it; a token is good for one repository."""

    def digest(self, name: str, tag: str) -> Digest | None:
        """What a tag names; None when there is no such tag. Raises RegistryError, its subclass when nobody answers."""
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
        except ssl.SSLError as error:
            raise RegistryError(f"{self.host} can't be spoken to by HTTPS: {error}.", hint=_INSECURE) from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableRegistryError(f"The registry {self.host} doesn't answer: {error}.") from error
        return response.status, response.headers

    def _connect(self) -> http.client.HTTPConnection:
        host = _HUB[1] if self.host == _HUB[0] else self.host
        return _connection(host, plain=self._insecure or _is_here(host))

    def _sign_in(self, challenge: str, name: str) -> None:
        kind, _, rest = challenge.partition(" ")
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() == "basic" and self.credentials:
            self._authorization[name] = {"Authorization": f"Basic {self._basic()}"}
        elif kind.lower() == "bearer" and (realm := wanted.get("realm", "")):
            if not realm.startswith("https://") and not (self._insecure and realm.startswith("http://")):
                raise RegistryError(f"{self.host} wants a password sent in clear, to {realm}.", hint=_INSECURE)
            token = self._token(realm, wanted.get("service", ""), f"repository:{name}:pull")
            self._authorization[name] = {"Authorization": f"Bearer {token}"}

    def _token(self, realm: str, service: str, scope: str) -> str:
        """A bearer token of the registry's authorization server (distribution spec, "token authentication")."""
        address = urlsplit(realm)
        connection = _connection(address.netloc, plain=address.scheme == "http")
        headers = {"Authorization": f"Basic {self._basic()}"} if self.credentials else {}
        try:
            connection.request(
                "GET", f"{address.path}?{urlencode({'service': service, 'scope': scope})}", headers=headers
            )
            response = connection.getresponse()
            body = response.read()
        except ssl.SSLError as error:
            raise RegistryError(f"{address.netloc} can't be spoken to by HTTPS: {error}.") from error
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


_INSECURE = "is its certificate valid? One that is meant to speak HTTP needs `registry-insecure: true` in tagship.yml"
_HINTS = {
    401: "run `docker login`, or set TAGSHIP_REGISTRY_USERNAME and TAGSHIP_REGISTRY_PASSWORD",
    403: "may this account read that repository?",
    429: "the registry limits how often it may be asked; try again later",
}


def _connection(host: str, *, plain: bool) -> http.client.HTTPConnection:
    if plain:
        return http.client.HTTPConnection(host, timeout=TIMEOUT)
    return http.client.HTTPSConnection(host, timeout=TIMEOUT, context=ssl.create_default_context())


def _is_here(host: str) -> bool:
    """Whether it is this machine: what is said to it passes over no wire."""
    name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
