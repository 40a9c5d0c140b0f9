"""Connections for smoke tests, which need the server's certificate and follow no redirects."""

import base64
import http.client
import ipaddress
import os
import socket
import ssl
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from tagship.errors import ConfigError
from tagship.system.limited import Response

_OURS = ".localhost"
"""Names that always mean this machine (RFC 6761, 6.3), as browsers and curl have it."""


def connection(url: str, within: float) -> http.client.HTTPConnection:
    """A connection to the host of a URL, not opened yet; it checks certificates.

    It uses the proxy in the environment, except for this machine, private addresses and NO_PROXY. `within`: seconds for
    connecting, and again for an answer. Raises ConfigError for a proxy that this can't use.
    """
    made = _to(urlsplit(url), within)
    made.response_class = Response
    return made


def refuse_proxy(url: str) -> None:
    """Raises ConfigError if a proxy that this can't use stands before a URL, while nothing is changed yet."""
    _proxy(urlsplit(url))


def _to(address: SplitResult, within: float) -> http.client.HTTPConnection:
    host = address.hostname or ""
    port = address.port or (http.client.HTTPS_PORT if address.scheme == "https" else http.client.HTTP_PORT)
    if address.scheme == "http" and host.endswith(_OURS):
        return _Here(host, port, timeout=within)
    proxy = _proxy(address)
    if address.scheme == "https":
        context = _trust()
        if not proxy:
            return http.client.HTTPSConnection(host, port, timeout=within, context=context)
        port_there = proxy.port or http.client.HTTP_PORT
        through = http.client.HTTPSConnection(proxy.hostname or "", port_there, timeout=within, context=context)
        through.set_tunnel(host, port, _signed(proxy))
        return through
    return _Proxied(proxy, address, within) if proxy else http.client.HTTPConnection(host, port, timeout=within)


class _Here(http.client.HTTPConnection):
    """To this machine, although its resolver may not know the name."""

    def connect(self) -> None:
        """Connect to the loopback address."""
        self.sock = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Proxied(http.client.HTTPConnection):
    """Plain HTTP through a proxy, where requests contain the whole URL."""

    def __init__(self, proxy: SplitResult, origin: SplitResult, within: float) -> None:
        super().__init__(proxy.hostname or "", proxy.port or http.client.HTTP_PORT, timeout=within)
        self._proxy = proxy
        self._origin = origin

    def putrequest(self, method: str, url: str, *rest: Any, **more: Any) -> None:  # noqa: ANN401 - as it is called
        """Begin a request."""
        super().putrequest(method, f"http://{self._origin.netloc}{url}", *rest, **more)
        for name, value in _signed(self._proxy).items():
            self.putheader(name, value)


def _trust() -> ssl.SSLContext:
    """The machine's certificates, and those in requests' and curl's variables, as `web` has it. Raises OSError."""
    context = ssl.create_default_context()
    if more := os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"):
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(more) else "cafile": more})  # noqa: PTH112
        except OSError as error:
            raise OSError(f"no certificates can be read from {more}: {error.strerror}") from None
    return context


def _proxy(address: SplitResult) -> SplitResult | None:
    """Raises ConfigError for one that isn't spoken to over plain HTTP."""
    known = getproxies()
    proxy = known.get(address.scheme) or known.get("all")
    if not proxy or proxy_bypass(address.netloc) or _is_near(address.hostname or ""):
        return None
    try:
        found = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        usable = found.scheme == "http" and found.hostname and found.port != 0
    except ValueError:
        usable = False
    if not usable:  # it isn't shown, because it may have a password
        name = f"{address.scheme if address.scheme in known else 'all'}_proxy"
        raise ConfigError(
            f"{name} is no proxy that smoke tests can use.",
            hint=f"set it to http://HOST:PORT, or add {address.hostname} to no_proxy",
        )
    return found


def _is_near(host: str) -> bool:
    """Whether a host is this machine or in a private network. A host that only a proxy can resolve isn't."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        return all(ipaddress.ip_address(address.partition("%")[0]).is_private for address in found)
    except (OSError, ValueError):
        return False


def _signed(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
