"""Watches a URL from here, to say for how long its application didn't answer."""

import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError

from tagship.system.requesting import Session
from tagship.system.threads import Thread
from tagship.system.web import FOLLOWED

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
        self._session = Session(FOLLOWED, tries=0)
        self._usual = self._ask()
        self._over = threading.Event()
        self._thread = Thread(target=self._watch, name="tagship-outage", daemon=True)
        self.seconds = 0.0
        """The longest time between two answers, with a failure between them."""

    @property
    def told(self) -> str:
        """It in a sentence."""
        if self._usual is None:
            return f"For how long nobody was answered can't be measured: {self._url} gave no answer here before."
        return f"Nobody was answered at {self._url} for {self.seconds:.1f} s, as seen from here."

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
            status = self._ask()
            answers = status is not None and (status < _BAD or status == self._usual)
            now = time.monotonic()
            if failed or not answers:
                self.seconds = max(self.seconds, now - answered)
            answered, failed = (now, False) if answers else (answered, True)

    def _ask(self) -> int | None:
        """The status; None without an answer."""
        direct = {"no_proxy": urlsplit(self._url).hostname or ""}  # no proxy's answer
        try:
            # its body stays where it is: a stream would never end
            with self._session.get(
                self._url, timeout=_PATIENCE, proxies=direct, allow_redirects=False, stream=True
            ) as answer:
                return answer.status_code
        except (OSError, HTTPError):
            return None
        finally:
            self._session.close()  # its connections
