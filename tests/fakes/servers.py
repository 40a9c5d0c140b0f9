"""A small HTTP server with answers that the test sets, on a port of this machine or on a unix socket like an engine."""

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import BaseServer, TCPServer, ThreadingMixIn, UnixStreamServer
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """A request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    line: str = ""
    """Its target as it was sent: API version, path and query."""

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Its body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What is answered: a body, or lines that come one by one, or a connection that stops speaking HTTP."""

    status: int = 200
    body: object = b""
    """Bytes, or anything JSON can say."""
    headers: Mapping[str, str] = field(default_factory=dict)
    lines: Iterable[object] | None = None
    hijack: Callable[[BinaryIO, BinaryIO], None] | None = None
    early: bytes = b""
    """Data that a hijacked connection sends together with the head of the answer."""
    last: bool = False
    """Whether the server closes the connection afterwards without announcing it."""
    hang: threading.Event | None = None
    """The server waits for this event before it answers."""


Said = Answer | Callable[[Request], Answer] | list[Answer]
"""The same answer each time, a function of the request, or a sequence whose last answer repeats."""


class Server:
    """Answers `METHOD /path` (an engine's API version left out) as `answers` says, with 404 to anything else."""

    def __init__(self, answers: Mapping[str, Said] | None = None) -> None:
        self.answers: dict[str, Said] = dict(answers or {})
        self.headers: dict[str, str] = {}
        """Headers of every answer."""
        self.requests: list[Request] = []
        self.connections = 0
        self.ended = 0
        """How many connections have been closed."""
        self.port = 0

    def asked(self, line: str) -> list[Request]:
        """The requests of one `METHOD /path`."""
        return [request for request in self.requests if f"{request.method} {request.path}" == line]

    def answer(self, request: Request) -> Answer:
        """The answer to a request."""
        self.requests.append(request)
        said = self.answers.get(f"{request.method} {request.path}", Answer(404, {"message": "no such thing."}))
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        return said if isinstance(said, Answer) else said(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    says: Server

    def setup(self) -> None:
        super().setup()
        self.says.connections += 1

    def finish(self) -> None:
        super().finish()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.says.ended += 1

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True  # the client went away, as clients do

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - http.server calls do_ and the method's name
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        address = urlsplit(self.path)
        path = "/" + address.path.partition("/v1.")[2].partition("/")[2] if "/v1." in address.path else address.path
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.says.answer(
            Request(self.command, path, dict(parse_qsl(address.query)), dict(self.headers.items()), body, self.path)
        )
        if answer.hang:
            answer.hang.wait()
        self.send_response_only(answer.status)
        for name, value in {"Date": self.date_time_string(), **self.says.headers, **answer.headers}.items():
            self.send_header(name, value)
        if answer.hijack:
            self._hijacked(answer.hijack, answer.early)
        elif answer.lines is not None:
            self._lines(answer.lines)
        else:
            self._whole(answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode())
        self.close_connection = self.close_connection or answer.last

    def _whole(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _lines(self, lines: Iterable[object]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            text = json.dumps(line).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.write(b"0\r\n\r\n")

    def _hijacked(self, hijack: Callable[[BinaryIO, BinaryIO], None], early: bytes) -> None:
        self.send_header("Connection", "Upgrade")
        self._headers_buffer.append(b"\r\n" + early)
        self.flush_headers()
        self.wfile.flush()
        hijack(self.rfile, self.wfile)  # type: ignore[arg-type]
        if not self.wfile.closed:  # by a server that was stopped meanwhile
            self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Tcp(ThreadingMixIn, TCPServer):
    daemon_threads = True
    block_on_close = False


class _Unix(ThreadingMixIn, UnixStreamServer):
    request_queue_size = 64
    daemon_threads = True
    block_on_close = False


@contextmanager
def on_port(
    answers: Mapping[str, Said] | None = None, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> Iterator[Server]:
    """A server on a free port of an address of this machine."""
    server = Server(answers)
    with _Tcp((address, 0), _handler(server)) as listening:
        server.port = listening.server_address[1]
        if tls:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        with _serving(listening):
            yield server


@contextmanager
def on_socket(path: Path, answers: Mapping[str, Said] | None = None) -> Iterator[Server]:
    """A server on a unix socket that identifies itself as an engine of Docker 28."""
    server = Server({"GET /_ping": Answer(), "GET /info": Answer(body={"Name": "fake"}), **(answers or {})})
    server.headers = {"Api-Version": "1.51"}
    with _Unix(str(path), _handler(server)) as listening, _serving(listening):
        yield server


_PAUSE = 0.01
_PARTS = 2000
"""Twenty seconds at least: more than any test allows."""


def endless(_: BinaryIO, out: BinaryIO) -> None:
    """A body that comes byte by byte, as long as somebody reads it."""
    with contextlib.suppress(OSError):
        for _n in range(_PARTS):
            out.write(b"x")
            out.flush()
            time.sleep(_PAUSE)


@contextmanager
def trickling() -> Iterator[int]:
    """The port of a server whose answer's head comes byte by byte, as long as somebody reads it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as client, client.makefile("rwb") as file:
                file.write(b"HTTP/1.1 200 OK\r\nX: ")
                endless(file, file)  # type: ignore[arg-type]

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def _handler(server: Server) -> type[_Handler]:
    return type("Handler", (_Handler,), {"says": server})


@contextmanager
def _serving(listening: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield
    finally:
        listening.shutdown()
        thread.join()
