"""Tells people what happened to an environment: over Slack, Teams, Discord, a signed webhook, or by e-mail."""

import hashlib
import hmac
import json
import os
import re
import smtplib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as TooLateError
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from functools import partial
from urllib.parse import unquote, urlsplit

from tagship.errors import plain
from tagship.project.beside_settings import Receiver
from tagship.reporting import redaction
from tagship.system import web
from tagship.system.parallel import started

WITHIN = 2.0
"""Seconds that a task waits for all its receivers together."""
_SUCCESS = range(200, 300)
_FIELD = re.compile(r"\{(\w+)\}")
_SMTPS, _SUBMISSION = 465, 587


@dataclass(frozen=True)
class News:
    """What happened; empty texts are unknown."""

    what: str
    """`deployed`, `failed`, `rolled-back`, `maintenance-on` or `maintenance-off`."""
    app: str
    environment: str
    url: str
    release: str = ""
    sha: str = ""
    by: str = ""
    run: str = ""
    """The CI run's URL."""
    why: str = ""
    serving: str = ""
    """The release that serves now, after a failure."""

    @property
    def sentence(self) -> str:
        """For people."""
        where, by = f"{self.app} {self.environment}", f" by {self.by}" if self.by else ""
        why = f": {self.why}" if self.why else ""
        serving = f"{self.serving} is serving." if self.serving else "See `tagship status` for what serves now."
        told = {
            "deployed": f"{where}: {self.sha[:8]} is live at {self.url}, deployed{by}.",
            "rolled-back": f"{where}: went back to {self.sha[:8]}, live at {self.url}{by}.",
            "failed": f"{where}: the deploy of {self.sha[:8]}{by} failed{why.rstrip('.')}. {serving}",
            "maintenance-on": f"{where}: {self.url} is down for maintenance{by}{why}.",
            "maintenance-off": f"{where}: maintenance of {self.url} is over{by}{why}.",
        }
        return " ".join(filter(None, (told[self.what], self.run)))


def tell(receivers: Sequence[Receiver], news: News) -> tuple[str, ...]:
    """Tell everybody at once, and wait at most WITHIN for them. Returns who couldn't be told, one line each.

    Nothing in it is a secret: neither the URLs nor what errors say of them.
    """
    end = time.monotonic() + WITHIN
    wanted = [receiver for receiver in receivers if news.what in receiver.on]
    under_way = [(each, started(partial(_tell, each, news))) for each in wanted]
    remarks: list[str] = []
    for receiver, done in under_way:
        try:
            done.result(max(0.0, end - time.monotonic()))
        except TooLateError:
            remarks.append(f"{receiver.to} was not told: no answer within {WITHIN:g} s")
        except Exception as error:  # noqa: BLE001 - whatever it is, the deploy is done
            remarks.append(f"{receiver.to} was not told: {redaction.hide_secrets(plain(error))}")
    return tuple(remarks)


def _tell(receiver: Receiver, news: News) -> None:
    url = os.environ.get(receiver.url, "").strip()
    if not url:
        msg = f"{receiver.url} is not set"
        raise OSError(msg)
    redaction.conceal([url])
    safe = News(**redaction.hidden_in(asdict(news)))
    text = _text(receiver, safe)
    if receiver.to == "email":
        _mail(receiver, url, safe, text)
        return
    body = json.dumps(_BODIES[receiver.to](safe, text))
    headers = {"Content-Type": "application/json"}
    if receiver.secret:
        headers |= signature(os.environ.get(receiver.secret, ""), str(int(time.time())), body)
    reply = web.request("POST", url, headers, body, within=WITHIN, again=False)
    if reply.status not in _SUCCESS:
        msg = f"it answered {reply.status}"
        raise OSError(msg)


def signature(key: str, at: str, body: str) -> dict[str, str]:
    """Headers that prove who sent a body, and when: HMAC-SHA256 over `TIME.BODY`. Raises OSError without a key."""
    if not key:
        msg = "the variable with its key is not set"
        raise OSError(msg)
    signed = hmac.new(key.strip().encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"X-Tagship-Timestamp": at, "X-Tagship-Signature": f"sha256={signed}"}


def _text(receiver: Receiver, news: News) -> str:
    if not receiver.text:
        return news.sentence
    facts = asdict(news)
    return _FIELD.sub(lambda found: str(facts.get(found[1], found[0])), receiver.text)


def _card(text: str) -> dict[str, object]:
    block = {"type": "TextBlock", "text": text, "wrap": True}
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [block]}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


_BODIES: Mapping[str, Callable[[News, str], dict[str, object]]] = {
    "slack": lambda _, text: {"text": text},
    "discord": lambda _, text: {"content": text[:2000], "allowed_mentions": {"parse": []}},
    "teams": lambda _, text: _card(text),
    "webhook": lambda news, text: {**asdict(news), "text": text},
}


def _mail(receiver: Receiver, url: str, news: News, text: str) -> None:
    """Send over SMTP; encrypted if the server can, and in any case if a password is sent."""
    address = urlsplit(url)
    message = EmailMessage()
    message["From"], message["To"] = receiver.sender, ", ".join(receiver.recipients)
    message["Subject"] = f"{news.app} {news.environment}: {news.what}"
    message.set_content(f"{text}\n")
    trusted = ssl.create_default_context()
    host, secure = address.hostname or "", address.scheme == "smtps"
    port = address.port or (_SMTPS if secure else _SUBMISSION)
    plain = partial(smtplib.SMTP_SSL, context=trusted) if secure else smtplib.SMTP
    with plain(host, port, timeout=WITHIN) as server:
        if not secure and (server.ehlo() and server.has_extn("starttls")):
            server.starttls(context=trusted)
            secure = True
        if address.username:
            if not secure:
                msg = "it offers no encryption for the password"
                raise OSError(msg)
            server.login(unquote(address.username), unquote(address.password or ""))
        server.send_message(message)
