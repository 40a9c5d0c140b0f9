"""Telling Sentry beside a rollout, and asking it while the release bakes: neither may hold a deploy up for long."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tagship.engine.client import Engine
from tagship.errors import ConfigError, SentryError
from tagship.images.credentials import Credentials
from tagship.project.schema import BakeSettings, SentrySettings
from tagship.sentry import account as sentry_account
from tagship.sentry.api import SentryApi
from tagship.sentry.release import Subject, Teller
from tagship.sentry.watch import Bake, Watch
from tagship.server.target import Onlooker
from tagship.system.programs import Deadline

MOMENT = 2.0
"""Seconds that a call whose deadline has passed may take to end: a program to be killed, a container removed."""
REQUIRED_WITHIN = 120.0
"""Seconds after which a Sentry that is required counts as not answering."""
AGAIN = "tell it again with `tagship sentry-release --env {}`"


class Telling:
    """What Sentry is told, and asked, while a rollout goes on."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._bake: Bake | None = None
        self._thread = threading.Thread(target=teller.prepare, name="tagship-sentry", daemon=True)
        self._thread.start()

    def insist(self) -> None:
        """Wait until all is told. Raises SentryError when something couldn't be."""
        self._wait(REQUIRED_WITHIN)
        self._teller.until.at = float("inf")
        if failures := self._teller.failures:
            raise SentryError("\n".join(failures), hint="nothing was changed; tagship.yml says that Sentry is required")

    def onlooker(self, bake: BakeSettings) -> Onlooker | None:
        """What looks on while the release bakes."""
        if not bake.for_:
            return None
        teller, patience = self._teller, Deadline()
        told = teller.subject
        watch = Watch(
            SentryApi(teller.account, patience), told.environment, told.version, told.before, time.time(),
            teller.settings.watch.freeze(),
        )  # fmt: skip
        goes_back = bake.on_unhealthy == "rollback" and not told.back
        self._bake = Bake(watch, goes_back, patience, teller.settings.within)
        return self._bake.glance

    def finish(self, started: float, seconds: float) -> tuple[str, ...]:
        """The rollout succeeded: wait for what isn't told yet, `within` at most, and record the deploy.

        `started`: seconds since the epoch. Returns what is to be said of it.
        """
        teller = self._teller
        if self._wait(teller.settings.within) and teller.known:
            teller.record(started, seconds)
        seen = tuple(self._bake.remarks) if self._bake else ()
        again = (AGAIN.format(teller.subject.environment),) if teller.failures else ()
        return (*seen, *teller.failures, *teller.remarks, *again)

    def give_up(self) -> None:
        """The rollout failed: nothing more is told, and what was begun is ended."""
        self._wait(0)

    def _wait(self, seconds: float) -> bool:
        """For what is being told, at most so long and a moment: its calls end by their deadline. Whether it ended."""
        teller = self._teller
        teller.until.move(seconds)
        self._thread.join(seconds + MOMENT)
        if self._thread.is_alive():
            teller.failures.append(f"Sentry, {teller.at}: was not done in time")
        return not self._thread.is_alive()


class Unknown:
    """In place of Telling where nobody can be told: why is said in the end."""

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def onlooker(self, _: BakeSettings) -> None:
        """Nobody looks on."""

    def finish(self, _started: float, _seconds: float) -> tuple[str, ...]:
        """What is to be said of it."""
        return (self._problem,)


@contextmanager
def beside(
    subject: Subject, settings: SentrySettings, engine: Engine, credentials: Credentials
) -> Iterator[Telling | Unknown]:
    """Around a rollout. Raises ConfigError or SentryError, before anything is changed, where Sentry is `required`."""
    try:
        account = sentry_account.of(settings, os.environ)
    except ConfigError as error:
        if settings.required:
            raise
        yield Unknown(error.problem)
        return
    telling = Telling(Teller(subject, settings, account, engine, credentials))
    try:
        if settings.required and not subject.back:  # a way back that needs Sentry would be none
            telling.insist()
        yield telling
    except BaseException:
        telling.give_up()
        raise
