"""Watches a URL from here, to say for how long its application didn't answer."""

import threading
import time
from types import TracebackType
from typing import Self

import requests

from tagship.system.threads import Thread

PAUSE = 0.1
"""Seconds between two requests."""
_PATIENCE = 2.0
_BAD = 400


class Outage:
    """Asks in a thread of its own, on new connections, while its block runs.

    What the application says first counts as an answer, whatever its status: a path may want a login. Later on, so does
    any status below 400; an edge says 404 for a host that it doesn't serve yet.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._usual = _ask(url)
        self._over = threading.Event()
        self._thread = Thread(target=self._watch, name="tagship-outage", daemon=True)
        self.seconds = 0.0
        """The longest time between two answers, with a failure between them."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        answered, failed = time.monotonic(), False
        while not self._over.wait(PAUSE):
            status = _ask(self._url)
            answers = status is not None and (status < _BAD or status == self._usual)
            now = time.monotonic()
            if failed or not answers:
                self.seconds = max(self.seconds, now - answered)
            answered, failed = (now, False) if answers else (answered, True)


def _ask(url: str) -> int | None:
    """The status; None without an answer."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy's answer
            # its body stays where it is: a stream would never end
            with session.get(url, timeout=_PATIENCE, allow_redirects=False, stream=True) as answer:
                return answer.status_code
    except requests.RequestException:
        return None
