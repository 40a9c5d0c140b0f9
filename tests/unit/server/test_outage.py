"""For how long an application didn't answer."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tagship.server.outage import Outage


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


def test_an_application_that_answers_on_has_no_outage(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagship.server.outage.PAUSE", 0.01)

    with Outage(url) as outage:
        time.sleep(0.1)

    assert outage.seconds == 0
