"""A proxy before an S3 server that answers, cuts and changes as a test says."""

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PASS, ERROR, FULL, LOSE, SWALLOW, CORRUPT, TRUNCATE = "pass", "500", "507", "lose", "swallow", "corrupt", "truncate"
SLOW, SILENT = "slow", "silent"
"""What becomes of a request.

LOSE: the server has done it, but its answer never comes. SWALLOW: the answer is that it is done, and it is not.
CORRUPT: a byte of its body is changed. TRUNCATE: the connection ends after half of the answer's body. SLOW: the answer
takes 0.3 s. SILENT: it takes 5 s.
"""
Rule = Callable[[str, str, int], str]
"""Of method, path with query, and how often both were seen: what happens."""

_SAID = {
    ERROR: b"<Error><Code>InternalError</Code><Message>Oh</Message></Error>",
    FULL: b"<Error><Code>InsufficientStorage</Code><Message>Disk full</Message></Error>",
}


@contextmanager
def proxy(target: str, rule: Rule) -> Iterator[str]:
    """The URL of a proxy on loopback before a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"target": target, "rule": rule}))
    server.daemon_threads = True
    server.seen = {}  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Passes requests on, unless the rule says otherwise."""

    protocol_version = "HTTP/1.1"
    target: str
    rule: Rule

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        """Take one request of any method."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen: dict[Any, int] = self.server.seen  # type: ignore[attr-defined]
        key = (self.command, self.path)
        seen[key] = seen.get(key, 0) + 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who asked has given up
            self._answer(type(self).rule(self.command, self.path, seen[key]), body)

    def _answer(self, what: str, body: bytes) -> None:
        if what in _SAID:
            self._reply(int(what), {}, _SAID[what])
            return
        if what == SWALLOW:
            self._reply(200, {"ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}, b"")
            return
        if what == CORRUPT and body:
            body = bytes([body[0] ^ 1]) + body[1:]
        time.sleep({SLOW: 0.3, SILENT: 5}.get(what, 0))
        status, headers, answer = self._passed(body)
        if what == LOSE:
            self.close_connection = True
        elif what == TRUNCATE:
            self._reply(status, {**headers, "Content-Length": str(len(answer))}, answer[: len(answer) // 2])
            self.close_connection = True
        else:
            self._reply(status, headers, answer)

    def _passed(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        host = urlsplit(self.target).netloc
        with closing(http.client.HTTPConnection(host, timeout=30)) as line:
            line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                line.putheader(name, value)
            line.endheaders(body)
            reply = line.getresponse()
            headers = {name: value for name, value in reply.getheaders() if name.lower() != "transfer-encoding"}
            return reply.status, headers, reply.read()

    def _reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        given = {name.lower() for name in headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if "content-length" not in given:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
