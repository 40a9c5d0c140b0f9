"""A socket between Compose and the engine that answers known questions, to save round trips to a distant server.

Before Compose creates a container, it asks for the engine's version, for each image and for the network, one after
another. Tagship has just read or created these, so the socket answers for them; all other calls go to the engine.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tagship.engine.client import Engine
from tagship.errors import EngineError, TagshipError
from tagship.system import scratch
from tagship.system.threads import Thread

_VERSIONED = re.compile(r"/v\d+\.\d+(?=/)")

Answers = Mapping[str, Any]
"""Path, with its query decoded and without the API's version → the engine's answer, as JSON."""


def network_query(name: str) -> str:
    """The request by which Compose looks for an external network."""
    return f'/networks?filters={{"name":{{"{name}":true}}}}'


@contextmanager
def answering(engine: Engine, known: Answers) -> Iterator[Path]:
    """Serve such a socket during the block. It handles calls with JSON in both directions, no streams."""
    with scratch.folder() as folder:
        path = folder / "docker.sock"
        server = _Server(str(path), _handler(engine, known))
        thread = Thread(target=server.serve_forever, args=(0.05,), name="tagship-compose", daemon=True)
        thread.start()
        try:
            yield path
        finally:
            server.shutdown()
            server.server_close()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Engine
    known: Answers

    def _answer(self) -> None:
        asked = urlsplit(_VERSIONED.sub("", self.path, count=1))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(asked.query))
        key = unquote(asked.path) + (
            "?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else ""
        )
        if asked.path == "/_ping":
            self._say(HTTPStatus.OK, None)
        elif self.command == "GET" and key in self.known:
            self._say(HTTPStatus.OK, self.known[key])
        else:
            self._pass_on(asked.path, query, json.loads(body) if body else None)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - named by the base class

    def _pass_on(self, path: str, query: Mapping[str, str], body: object) -> None:
        try:
            answer = self.engine.call(self.command, unquote(path), body, **query)
        except TagshipError as error:
            status = error.status if isinstance(error, EngineError) else 0
            message = error.problem.removeprefix("The engine says: ").rstrip(".")
            self._say(status or HTTPStatus.BAD_GATEWAY, {"message": message})
        else:
            self._say(HTTPStatus.OK, answer)

    def _say(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", ".".join(map(str, self.engine.api)))
        self.send_header("Ostype", "linux")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):  # Compose was stopped meanwhile
                self.wfile.write(data)

    def log_message(self, format: str, *words: object) -> None:  # noqa: A002 - as in the base class
        """Log nothing."""


def _handler(engine: Engine, known: Answers) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"engine": engine, "known": known})
