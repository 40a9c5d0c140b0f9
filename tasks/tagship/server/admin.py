"""Caddy's admin API, on the edge's own loopback: requests as scripts of the edge's shell, and their answers."""

import json
from http import HTTPStatus
from typing import Any

from tagship.server import routes
from tagship.server.shell import encoded

SERVED = "/config/apps/http"


def asking(method: str, path: str, body: object = None, etag: str = "") -> str:
    """Script that makes one request to Caddy's admin API and prints the answer."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{routes.ADMIN_PORT}", "Connection: close"]
    lines += [f"If-Match: {etag}"] if etag else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(data)}", "", ""]
    request = "\r\n".join(lines).encode() + data
    return f"{encoded(request)} | nc 127.0.0.1 {routes.ADMIN_PORT}"


def application(answer: tuple[int, str, Any]) -> routes.Json:
    """Caddy's HTTP application as its admin API told it; empty when that was no answer."""
    status, _, said = answer
    return said if status == HTTPStatus.OK and isinstance(said, dict) else {}


def answered(answer: bytes) -> tuple[int, str, Any]:
    """An answer's status, Etag and decoded body; status 0 for what is none."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode(errors="replace").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    status = int(first.split()[1]) if first.startswith("HTTP/") else 0
    try:
        return status, headers.get("etag", ""), json.loads(body) if body.strip() else None
    except ValueError:
        return status, headers.get("etag", ""), body.decode(errors="replace")


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        whole, body = whole + rest[:length], rest[length + 2 :]
    return whole
