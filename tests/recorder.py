"""An HTTP proxy that records requests; in the answers, it replaces the server's address by its own."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


@dataclass
class Recorder:
    """`calls`: `METHOD path`, without query, in their order."""

    url: str = ""
    calls: list[str] = field(default_factory=list)

    def shortened(self, base: str, version: str) -> list[str]:
        """The calls below a base path, with VERSION in the place of a release's name."""
        quoted = version.replace("@", "%40")
        return [call.replace(base, "", 1).replace(quoted, "VERSION").replace(version, "VERSION") for call in self.calls]


@contextmanager
def recording(server: str, address: str) -> Iterator[Recorder]:
    """Record what is asked of a server, listening on an address of this machine."""
    recorder = Recorder()
    handler = type("Handler", (_Handler,), {"recorder": recorder, "server_url": server})
    with ThreadingHTTPServer((address, 0), handler) as listening:
        recorder.url = f"http://{address}:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield recorder
        finally:
            listening.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorder: Recorder
    server_url: str

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - http.server calls do_ and the method's name
        if name.startswith("do_"):
            return self._pass_on
        raise AttributeError(name)

    def _pass_on(self) -> None:
        self.recorder.calls.append(f"{self.command} {urlsplit(self.path).path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers["Accept-Encoding"] = "identity"
        with closing(http.client.HTTPConnection(urlsplit(self.server_url).netloc, timeout=60)) as line:
            line.request(self.command, self.path, body, headers)
            reply = line.getresponse()
            said = reply.read().replace(self.server_url.encode(), self.recorder.url.encode())
        self.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
