"""Caddy's admin API, on the edge's own loopback: requests as scripts of the edge's shell, and their answers."""

import io
import json
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any

from tagship.edge import routes
from tagship.edge.shell import encoded

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
    """An answer's status, Etag and decoded body; status 0 for what is none, or isn't whole."""
    response = HTTPResponse(_Socket(answer))  # type: ignore[arg-type]
    try:
        if b"\r\n\r\n" not in answer:  # http.client takes headers that were cut short for all of them
            raise HTTPException  # noqa: TRY301 - the same as any other answer that isn't whole
        response.begin()
        status, etag, body = response.status, response.headers.get("Etag", ""), response.read()
    except (HTTPException, ValueError):
        status, etag, body = 0, "", answer
    try:
        return status, etag, json.loads(body) if body.strip() else None
    except ValueError:
        return status, etag, body.decode(errors="replace")


class _Socket:
    """As much of one as http.client reads an answer from."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, _: str) -> io.BytesIO:
        """What came."""
        return io.BytesIO(self._answer)
