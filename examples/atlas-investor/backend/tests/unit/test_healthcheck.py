"""The container's healthcheck."""

import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import healthcheck


class Backend(BaseHTTPRequestHandler):
    """Answers with the status its server holds."""

    def do_GET(self) -> None:
        self.send_response(self.server.status if self.path == "/health/" else 404)
        self.end_headers()
        self.wfile.write(b"database: gone")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def backend() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Backend) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_healthy_backend_has_no_problem(backend: HTTPServer) -> None:
    backend.status = 200

    assert healthcheck.web(backend.server_address) == ""


def test_an_unhealthy_backend_says_what_is_wrong(backend: HTTPServer) -> None:
    backend.status = 503

    assert healthcheck.web(backend.server_address) == "database: gone"


def test_a_backend_that_is_not_there_is_a_problem(backend: HTTPServer) -> None:
    backend.server_close()

    assert healthcheck.web(backend.server_address).startswith("no answer")


def test_a_worker_needs_a_recent_heartbeat(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    assert healthcheck.worker(str(beat)) == "no heartbeat yet"

    beat.touch()
    assert healthcheck.worker(str(beat)) == ""

    os.utime(beat, (time.time() - 60,) * 2)
    assert healthcheck.worker(str(beat)) == "the last heartbeat is 60 s old"
