"""Telling Sentry beside a rollout, and asking it while the release bakes: neither may hold a deploy up for long."""

import os
import threading
import time
from datetime import datetime

from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.deploy.target import Onlooker
from tagship.engine.client import Engine
from tagship.errors import ConfigError, SentryError
from tagship.images.credentials import Credentials
from tagship.project.schema import BakeSettings, Environment, SentrySettings
from tagship.proof.ledger import Action
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.sentry import account as sentry_account
from tagship.sentry.api import SentryApi
from tagship.sentry.health import limits
from tagship.sentry.release import Subject, Teller, subject
from tagship.sentry.watch import Bake, Watch
from tagship.system.deadline import Deadline

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
            limits(teller.settings.watch),
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


class SentryCompanion:
    """Beside a rollout: Sentry hears of the release meanwhile, and of the deploy when it succeeded.

    While the release bakes, Sentry is asked how it does.
    """

    announcement = "Meanwhile, and in the end: tell Sentry"

    def __init__(
        self,
        environment: Environment,
        settings: SentrySettings,
        engine: Engine,
        credentials: Credentials,
        progress: Progress,
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._engine = engine
        self._credentials = credentials
        self._progress = progress
        self._telling: Telling | None = None
        self._onlooker: Onlooker | None = None
        self._problem = ""
        """Why nobody can be told."""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Begin. Raises ConfigError or SentryError where Sentry is `required` and doesn't hear."""
        back = action is Action.ROLLBACK
        self.begin(subject(self._environment, candidate.release, before.live_release, back=back))

    def begin(self, told: Subject) -> None:
        """The same, of what Sentry calls it."""
        try:
            account = sentry_account.of(self._settings, os.environ)
        except ConfigError as error:
            if self._settings.required:
                raise
            self._problem = error.problem
            return
        self._telling = Telling(Teller(told, self._settings, account, self._engine, self._credentials))
        self._onlooker = self._telling.onlooker(self._environment.release.bake)
        if self._settings.required and not told.back:  # a way back that needs Sentry would be none
            try:
                self._telling.insist()
            except BaseException:
                self._telling.give_up()
                raise

    def while_baking(self, *, last: bool) -> None:
        """Raises UnhealthyError where that is to have the release switched back."""
        if self._onlooker:
            self._onlooker(last)

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """Wait for what isn't told yet, `within` at most, and record the deploy."""
        if self._telling is None:
            return (self._problem,)
        with self._progress.step("Tell Sentry"):
            return self._telling.finish(datetime.fromisoformat(outcome.at).timestamp(), outcome.seconds)

    def give_up(self) -> None:
        """Nothing more is told, and what was begun is ended."""
        if self._telling:
            self._telling.give_up()
