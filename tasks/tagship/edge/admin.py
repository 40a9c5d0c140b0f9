"""Requests to Caddy's admin API, as scripts for the edge's shell, and parsing of the answers."""

import io
import json
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any

from tagship.edge import routes
from tagship.edge.shell import encoded

SERVED = "/config/apps/http"


def asking(method: str, path: str, body: object = None, etag: str = "") -> str:
    """A script that makes one request to Caddy's admin API and prints the answer."""
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{routes.ADMIN_PORT}", "Connection: close"]
    lines += [f"If-Match: {etag}"] if etag else []
    lines += ["Content-Type: application/json", f"Content-Length: {len(data)}", "", ""]
    request = "\r\n".join(lines).encode() + data
    return f"{encoded(request)} | nc 127.0.0.1 {routes.ADMIN_PORT}"


def application(answer: tuple[int, str, Any]) -> routes.Json:
    """Caddy's HTTP configuration from an answer; empty if the answer isn't valid."""
    status, _, body = answer
    return body if status == HTTPStatus.OK and _is_application(body) else {}


def _is_application(body: object) -> bool:
    """Whether this is shaped like Caddy's HTTP application, as far as it is read here."""
    servers = (body.get("servers") or {}) if isinstance(body, dict) else None
    return isinstance(servers, dict) and all(
        isinstance(server, dict) and _all(server.get("routes"), _is_route) for server in servers.values()
    )


def _is_route(route: dict[str, Any]) -> bool:
    return (
        isinstance(route.get("@id", ""), str)
        and _all(route.get("match"), lambda match: _all(match.get("host"), kind=str))
        and _all(route.get("handle"), lambda handler: _all(handler.get("routes"), _is_route))
    )


def _all(found: object, check: Callable[[Any], bool] = lambda _: True, kind: type = dict) -> bool:
    """Whether this is a list of that kind, each as it should be; or nothing."""
    return found is None or (isinstance(found, list) and all(isinstance(each, kind) and check(each) for each in found))


def answered(answer: bytes) -> tuple[int, str, Any]:
    """An answer's status, Etag and decoded body; status 0 if it is invalid or incomplete."""
    response = HTTPResponse(_Socket(answer))  # type: ignore[arg-type]
    try:
        if b"\r\n\r\n" not in answer:  # http.client accepts truncated headers as complete
            raise HTTPException  # noqa: TRY301 - handled like any other incomplete answer
        response.begin()
        status, etag, body = response.status, response.headers.get("Etag", ""), response.read()
    except (HTTPException, ValueError):
        status, etag, body = 0, "", answer
    try:
        return status, etag, json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        return status, etag, body.decode(errors="replace")


class _Socket:
    """The part of a socket that http.client reads an answer from."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, _: str) -> io.BytesIO:
        """The answer."""
        return io.BytesIO(self._answer)
