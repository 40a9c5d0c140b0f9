"""Reports to Sentry during a rollout, and asks it while the release bakes. Neither delays a deploy for long."""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from tagship.deploy.observed import Observed
from tagship.deploy.outcome import Outcome
from tagship.deploy.target import Onlooker
from tagship.engine.client import Engine
from tagship.errors import ConfigError, SentryError
from tagship.images.credentials import Credentials
from tagship.project.schema import BakeSettings, Environment
from tagship.project.sentry_settings import SentrySettings
from tagship.proof.ledger import Action
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.sentry import account as sentry_account
from tagship.sentry.api import SentryApi
from tagship.sentry.health import limits
from tagship.sentry.release import Reporter, Subject, subject
from tagship.sentry.watch import Bake, Watch
from tagship.system.deadline import Deadline
from tagship.system.threads import Thread

MOMENT = 2.0
"""Seconds for a call to end after its deadline, for example to kill a program or remove a container."""
REQUIRED_WITHIN = 120.0
"""Seconds after which a required Sentry counts as not answering."""
AGAIN = "repeat the report with `tagship sentry-release --env {}`"


class ReportingThread:
    """The reports to Sentry, and the questions to it, during a rollout."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._bake: Bake | None = None
        self._thread = Thread(target=reporter.prepare, name="tagship-sentry", daemon=True)
        self._thread.start()

    def insist(self) -> None:
        """Wait until everything is reported. Raises SentryError if something failed."""
        self._wait(REQUIRED_WITHIN)
        self._reporter.until.at = float("inf")
        if failures := self._reporter.failures:
            raise SentryError("\n".join(failures), hint="try again, or set `required: false`; nothing was changed")

    def onlooker(self, bake: BakeSettings) -> Onlooker | None:
        """The onlooker for the time that the release bakes."""
        if not bake.for_:
            return None
        reporter, patience = self._reporter, Deadline()
        subject = reporter.subject
        watch = Watch(
            SentryApi(reporter.account, patience), subject.environment, subject.version, subject.before, time.time(),
            limits(reporter.settings.watch),
        )  # fmt: skip
        goes_back = bake.on_unhealthy == "rollback" and not subject.back
        self._bake = Bake(watch, goes_back, patience, reporter.settings.within)
        return self._bake.glance

    def finish(self, started: float, seconds: float) -> tuple[str, ...]:
        """Record the deploy after a successful rollout; wait for the remaining reports, `within` at most.

        `started`: seconds since the epoch. Returns remarks for the user.
        """
        reporter = self._reporter
        if self._wait(reporter.settings.within) and reporter.known:
            reporter.record(started, seconds)
        seen = tuple(self._bake.remarks) if self._bake else ()
        again = (AGAIN.format(reporter.subject.environment),) if reporter.failures else ()
        return (*seen, *reporter.failures, *reporter.remarks, *again)

    def give_up(self) -> None:
        """End all work after a failed rollout, and report no more."""
        self._wait(0)

    def _wait(self, seconds: float) -> bool:
        """Wait for the reports, at most so long and a moment; their calls end by the deadline.

        Returns whether they ended.
        """
        reporter = self._reporter
        reporter.until.move(seconds)
        self._thread.join(seconds + MOMENT)
        if self._thread.is_alive():
            reporter.failures.append(f"Sentry, {reporter.at}: not done in time")
        return not self._thread.is_alive()


class SentryCompanion:
    """Reports the release to Sentry during a rollout, and the deploy after it succeeded.

    While the release bakes, it asks Sentry for the release's health.
    """

    announcement = "In parallel and at the end: report to Sentry"

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
        self._reporting: ReportingThread | None = None
        self._onlooker: Onlooker | None = None
        self._problem = ""
        """Why no report is possible."""

    def before(self, candidate: Rendered, before: Observed, action: Action) -> None:
        """Start reporting. Raises ConfigError or SentryError if Sentry is `required` and the report fails."""
        back = action is Action.ROLLBACK
        self.begin(subject(self._environment, candidate.release, before.live_release, back=back))

    def begin(self, subject: Subject) -> None:
        """Start reporting a subject."""
        try:
            account = sentry_account.of(self._settings, os.environ)
        except ConfigError as error:
            if self._settings.required:
                raise
            self._problem = error.problem
            return
        self._reporting = ReportingThread(Reporter(subject, self._settings, account, self._engine, self._credentials))
        self._onlooker = self._reporting.onlooker(self._environment.release.bake)
        if self._settings.required and not subject.back:  # a rollback must not depend on Sentry
            try:
                self._reporting.insist()
            except BaseException:
                self._reporting.give_up()
                raise

    def while_baking(self, *, last: bool) -> None:
        """Raises UnhealthyError if the release must be switched back."""
        if self._onlooker:
            self._onlooker(last)

    def after(self, outcome: Outcome) -> tuple[str, ...]:
        """Record the deploy; wait for the remaining reports, `within` at most."""
        if self._reporting is None:
            return (self._problem,)
        with self._progress.step("Report to Sentry"):
            return self._reporting.finish(datetime.fromisoformat(outcome.at).timestamp(), outcome.seconds)

    def around(self, stage: str, facts: Mapping[str, str]) -> AbstractContextManager[None]:  # noqa: ARG002 - the protocol
        """Do nothing."""
        return nullcontext()

    def give_up(self, why: str = "", serving: str = "") -> None:  # noqa: ARG002 - the protocol
        """End all work, and report no more."""
        if self._reporting:
            self._reporting.give_up()
