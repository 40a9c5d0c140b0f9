"""A canary on a real server: its share at the edge, and what the edge's access log says of both releases."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from tagship.deploy.canary import Answers, Terms, lasting, told, worse
from tagship.edge.canary import CANDIDATE, LIVE, LOG_FIELD, side
from tagship.edge.state import ACCEPTED, REJECTED, WAITS
from tagship.edge.traffic import Edge
from tagship.engine import logs
from tagship.engine.client import Engine
from tagship.errors import ConnectionFailedError, RolloutError
from tagship.names import Place
from tagship.system.threads import Thread

_FAILS = 500
_GIVEN_UP = 0
"""The status in the log of a request whose client waited no longer."""
_TOLD = 60.0
"""Seconds between two lines about how it goes."""
_PAUSE = 1.0
"""Seconds between two looks, and before a log is followed again."""


class Tally:
    """Counts both sides' answers in the edge's access log, in a thread, from now on."""

    def __init__(self, engine: Engine, edge: str, place: Place) -> None:
        """`edge`: its container."""
        self._engine, self._edge = engine, edge
        self._sides = {side(place, who): who for who in (CANDIDATE, LIVE)}
        self._counts: dict[str, Answers] = {CANDIDATE: Answers(), LIVE: Answers()}
        self._since, self._last = f"{engine.now() - _PAUSE:.9f}", ""
        self._failed: Exception | None = None
        self._ended = False
        self._thread = Thread(target=self._follow, name="tagship-canary", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> tuple[Answers, Answers]:
        """The candidate's and the live release's. Raises what ended the reading of the log, such as EngineError."""
        if self._failed:
            raise self._failed
        return self._counts[CANDIDATE], self._counts[LIVE]

    @property
    def command(self) -> str:
        """What prints the log's lines about the candidate."""
        (mark,) = (name for name, who in self._sides.items() if who == CANDIDATE)
        return f'docker logs {self._edge} 2>&1 | grep -F \'"{LOG_FIELD}":"{mark}"\''

    def close(self) -> None:
        """Count no more; the thread ends with the next line."""
        self._ended = True

    def join(self) -> None:
        """Wait until the log has ended."""
        self._thread.join()

    def take(self, line: logs.Line) -> None:
        """Count a line, unless it was counted before a connection broke."""
        if line.at <= self._last or not any(name in line.text for name in self._sides):
            return
        self._last = line.at
        found = _parsed(line.text)
        who, status = self._sides.get(str(found.get(LOG_FIELD))), found.get("status")
        if who and isinstance(status, int):
            before = self._counts[who]
            self._counts[who] = Answers(before.requests + 1, before.errors + (status >= _FAILS or status == _GIVEN_UP))

    def _follow(self) -> None:
        while not self._ended:
            try:
                for line in logs.follow(self._engine, self._edge, since=self._since):
                    if self._ended:
                        return
                    self.take(line)
            except ConnectionFailedError:
                pass  # the deploy's next call connects again, or fails
            except Exception as error:  # noqa: BLE001 - raised where the counts are read
                self._failed = error
                return
            time.sleep(_PAUSE)


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def run(  # noqa: PLR0913, PLR0917 - a canary, and how to look at it
    edge: Edge,
    release: str,
    terms: Terms,
    tally: Tally,
    look: Callable[[], object],
    words: Callable[[], str],
    tell: Callable[[str], object],
) -> None:
    """Give the candidate its share, and look about once a second until the time is over, or a person decides.

    `words`: what the candidate printed last. `tell`: called once a minute with how it goes. Raises RolloutError if it
    does worse than the live release, or if it is rejected.
    """
    edge.begin_canary(secrets.token_hex(8), terms.share)
    began = time.monotonic()
    until, next_told = began + terms.seconds, began + _TOLD
    while (decision := edge.renew_canary()) == WAITS and time.monotonic() < until:
        time.sleep(min(_PAUSE, max(0.0, until - time.monotonic())))
        look()
        if why := worse(*tally.counts, terms):
            raise RolloutError(
                "\n".join(filter(None, (f"The canary {release} fails too often: {why}.", words()))),
                hint=f"read its requests in the edge's log, on the server: {tally.command}",
            )
        if next_told <= (now := time.monotonic()) < until:
            next_told = now + _TOLD
            tell(f"{told(*tally.counts, terms)}; {_left(until - now)} left")
    if decision == REJECTED:
        raise rejected(release, tally.counts, terms)
    if decision not in {WAITS, ACCEPTED}:
        raise RolloutError(f"Another deploy has ended the canary of {release}.", hint="look at `tagship history`")


def _left(seconds: float) -> str:
    """`9 min`, or `40 s` in the last two minutes."""
    return lasting(60 * round(seconds / 60) if seconds > 2 * _TOLD else round(seconds))


def rejected(release: str, counts: tuple[Answers, Answers], terms: Terms) -> RolloutError:
    """The error for a canary that a person has rejected."""
    return RolloutError(f"{release} was rejected; {told(*counts, terms)}.", hint="change it and deploy again")
