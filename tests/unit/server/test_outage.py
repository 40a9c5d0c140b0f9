"""For how long an application didn't answer."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tagship.server.outage import Outage
from tests.fakes.servers import Answer, Server


class Answers(BaseHTTPRequestHandler):
    """The status that is set."""

    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(Answers.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server's address."""
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("usual", "meanwhile"), [(200, 404), (401, 502)])
def test_an_outage_lasts_from_one_answer_to_the_next(
    url: str, usual: int, meanwhile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tagship.server.outage.PAUSE", 0.01)
    monkeypatch.setattr(Answers, "status", usual)

    with Outage(url) as outage:
        time.sleep(0.05)
        monkeypatch.setattr(Answers, "status", meanwhile)
        time.sleep(0.3)
        monkeypatch.setattr(Answers, "status", usual)
        time.sleep(0.1)

    assert outage.seconds > 0.25


@pytest.mark.parametrize("trusted_by", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_ones_own_is_trusted_and_no_proxy_is_asked(
    secure: Callable[[int], Server], monkeypatch: pytest.MonkeyPatch, trusted_by: str
) -> None:
    monkeypatch.setattr("tagship.server.outage.PAUSE", 0.01)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    server = secure(1)
    certificate = os.environ["SSL_CERT_FILE"]
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv(trusted_by, certificate)
    server.answers["GET /"] = Answer(body=b"x")

    with Outage(f"https://localhost:{server.port}/") as outage:
        until = time.monotonic() + 20
        while len(server.requests) < 3 and time.monotonic() < until:
            time.sleep(0.01)

    assert outage.seconds == 0
    assert "Nobody was answered" in outage.told
    assert server.connections >= 3, "each on a new connection"


def test_what_does_not_answer_from_here_is_not_measured() -> None:
    with Outage("http://127.0.0.1:1/") as outage:
        pass

    assert "can't be measured" in outage.told


def test_an_application_that_answers_on_has_no_outage(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.server.outage.PAUSE", 0.01)

    with Outage(url) as outage:
        time.sleep(0.1)

    assert outage.seconds == 0
