"""HTTP and HTTPS to the world outside: one request on one connection, with a time limit."""

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PART = 65536


@dataclass(frozen=True)
class Reply:
    """What was answered; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def connection(url: str, within: float) -> http.client.HTTPConnection:
    """A connection to the host of a URL, not opened yet; certificates are checked."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port
    if address.scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=within, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=within)


def request(method: str, url: str, headers: Mapping[str, str], body: str | None = None, *, within: float) -> Reply:
    """Ask once. Raises OSError or http.client.HTTPException; `within`: seconds to connect, and for the whole answer."""
    address = urlsplit(url)
    path = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
    line = connection(url, within)
    try:
        end = time.monotonic() + within
        line.request(method, path, body=body, headers=dict(headers))
        response = line.getresponse()
        read = bytearray()
        while part := response.read1(_PART):
            read += part
            if time.monotonic() > end:
                raise TimeoutError(f"the answer took longer than {within:g} s")
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, bytes(read))
    finally:
        line.close()
