"""Who is told of what, and that nobody can delay a deploy."""

import hashlib
import hmac
import json
import smtplib
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar, Self

import pytest

from tagship.companions import notify
from tagship.companions.companion import NotifyCompanion
from tagship.companions.notify import News, tell
from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.names import Holder
from tagship.project.beside_settings import Receiver
from tagship.project.schema import Environment
from tagship.proof.ledger import Action
from tagship.reporting.progress import Progress
from tests.fakes.builders import rendered

NEWS = News("deployed", "shop", "staging", "https://shop.example", "shop-staging-b", "b" * 40, "ada")
NEW = rendered("b")


class Inbox(BaseHTTPRequestHandler):
    """A receiver that keeps what it gets."""

    got: ClassVar[list[tuple[Mapping[str, str], str]]] = []
    status = 200

    def do_POST(self) -> None:
        """Keep it."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.got.append((dict(self.headers), body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Inbox]]:
    """A receiver whose URL is in the variable HOOK."""
    Inbox.got, Inbox.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Inbox)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{server.server_port}/s3cr3t-path")
    yield Inbox
    server.shutdown()
    server.server_close()


def receiver(to: str = "webhook", **more: object) -> Receiver:
    """A receiver at that URL."""
    return Receiver.model_validate({"to": to, "url": "HOOK", **more})


def body(inbox: type[Inbox]) -> Any:  # noqa: ANN401 - JSON
    """The only thing that was received."""
    ((_, text),) = inbox.got
    return json.loads(text)


@pytest.mark.parametrize(("to", "where"), [("slack", "text"), ("discord", "content")])
def test_a_chat_gets_a_sentence(inbox: type[Inbox], to: str, where: str) -> None:
    assert tell([receiver(to)], NEWS) == ()

    assert body(inbox)[where] == "shop staging: bbbbbbbb is live at https://shop.example, deployed by ada."


def test_teams_gets_a_card(inbox: type[Inbox]) -> None:
    tell([receiver("teams")], NEWS)

    (attachment,) = body(inbox)["attachments"]
    assert "bbbbbbbb is live" in attachment["content"]["body"][0]["text"]


def test_a_webhook_gets_the_facts_signed_with_the_time(inbox: type[Inbox], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "k3y")
    signed_with = {"secret": "KEY"}

    assert tell([receiver(**signed_with)], NEWS) == ()

    ((headers, text),) = inbox.got
    signed = hmac.new(b"k3y", f"{headers['X-Tagship-Timestamp']}.{text}".encode(), hashlib.sha256).hexdigest()
    assert headers["X-Tagship-Signature"] == f"sha256={signed}"
    assert json.loads(text)["release"] == "shop-staging-b"


def test_a_text_of_ones_own_has_the_facts_in_it(inbox: type[Inbox]) -> None:
    tell([receiver("slack", text="{app}/{environment} {what} {sha} {unknown}")], NEWS)

    assert body(inbox)["text"] == f"shop/staging deployed {'b' * 40} {{unknown}}"


def test_only_those_who_want_it_are_told(inbox: type[Inbox]) -> None:
    assert tell([receiver(on=["failed"])], NEWS) == ()
    assert inbox.got == []


def test_who_refuses_is_named_without_the_url(inbox: type[Inbox]) -> None:
    inbox.status = 404

    assert tell([receiver("slack")], NEWS) == ("slack was not told: it answered 404",)


def test_without_its_variable_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK", raising=False)

    assert tell([receiver("slack")], NEWS) == ("slack was not told: HOOK is not set",)


def test_dead_receivers_delay_a_deploy_by_no_more_than_all_of_them_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "WITHIN", 0.05)
    monkeypatch.setattr(notify, "_tell", lambda *_: time.sleep(5))
    began = time.monotonic()

    remarks = tell([receiver("slack"), receiver("teams"), receiver("webhook")], NEWS)

    assert len(remarks) == 3
    assert time.monotonic() - began < 1


def test_a_failure_says_why_and_what_serves(inbox: type[Inbox]) -> None:
    settings = Environment.model_validate({
        "name": "staging", "app": "shop", "engine": "local", "url": "http://shop.example",
        "notify": [{"to": "slack", "url": "HOOK"}],
    })  # fmt: skip
    companion = NotifyCompanion(settings, Holder("ada", "deploy", "https://ci.example/1"), Progress(quiet=True))

    companion.before(NEW, Observed(), Action.DEPLOY)
    companion.give_up("web ended with exit code 1.", "shop-staging-aaaaaaaa-000000")

    assert body(inbox)["text"] == (
        "shop staging: the deploy of bbbbbbbb by ada failed: web ended with exit code 1. "
        "shop-staging-aaaaaaaa-000000 is serving. https://ci.example/1"
    )


def test_going_back_is_told_as_that(inbox: type[Inbox]) -> None:
    settings = Environment.model_validate({
        "name": "staging", "app": "shop", "engine": "local", "url": "http://shop.example",
        "notify": [{"to": "webhook", "url": "HOOK"}],
    })  # fmt: skip
    companion = NotifyCompanion(settings, Holder("ada", "rollback"), Progress(quiet=True))

    companion.before(NEW, Observed(), Action.ROLLBACK)
    remarks = companion.after(Outcome("staging", NEW.name, "", "", "", changed=True, images={}))

    assert (remarks, body(inbox)["what"]) == ((), "rolled-back")


def test_an_email_needs_a_sender_and_recipients() -> None:
    with pytest.raises(ValueError, match="needs `sender` and `recipients`"):
        receiver("email")


class Mailbox:
    """An SMTP server without encryption."""

    sent: ClassVar[list[Any]] = []

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.at = (host, port, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ehlo(self) -> bool:
        """It answers."""
        return True

    def has_extn(self, _: str) -> bool:
        """It offers nothing."""
        return False

    def send_message(self, message: object) -> None:
        """Keep it."""
        self.sent.append(message)


def test_an_email_is_sent_and_no_password_without_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtplib, "SMTP", Mailbox)
    monkeypatch.setenv("HOOK", "smtp://mail.example:25")
    to = receiver("email", sender="ci@shop.example", recipients=["a@shop.example", "b@shop.example"])

    assert tell([to], NEWS) == ()
    (message,) = Mailbox.sent
    assert (message["Subject"], message["To"]) == ("shop staging: deployed", "a@shop.example, b@shop.example")

    monkeypatch.setenv("HOOK", "smtp://user:p4ssw0rd@mail.example:25")
    assert tell([to], NEWS) == ("email was not told: it offers no encryption for the password",)
