"""Watches a release in Sentry, compared with the previous one, until it is known to be bad or the time is over."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from tagship.errors import SentryError, UnhealthyError
from tagship.sentry.api import SentryApi
from tagship.sentry.health import Limits, Measurements, Signal, Verdict, judge, verdict
from tagship.system.deadline import Deadline

T = TypeVar("T")

LOOK_EVERY = 15.0
"""Seconds between two checks."""
_QUESTIONS = 5
"""Questions in one check; each is a request per project."""
BASELINE = 86400.0
"""Seconds of sessions of the previous release to compare with: a day, with its busy hours."""


def short(version: str) -> str:
    """A release's name, `APP@SHA`, with eight digits of the SHA."""
    app, _, sha = version.partition("@")
    return f"{app}@{sha[:8]}"


@dataclass(frozen=True)
class Assessment:
    """The result of one check."""

    signals: tuple[Signal, ...]
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of all signals together."""
        return verdict(self.signals)

    def __str__(self) -> str:
        """The verdict and its reasons; signals with the same reason are joined."""
        reasons: dict[str, list[str]] = {}
        for signal in self.signals:
            if signal.verdict is self.verdict:
                reasons.setdefault(signal.said, []).append(signal.name)
        return f"{self.verdict}: " + "; ".join(f"{', '.join(names)}: {what}" for what, names in reasons.items())


@dataclass
class Watch:
    """One release in one environment. `since`: when its deploy began, seconds since the epoch."""

    api: SentryApi
    environment: str
    version: str
    before: str
    """The previous release, `APP@SHA`; the same one if only the configuration changed; empty for none."""
    since: float
    limits: Limits
    clock: Callable[[], float] = time.time

    def look(self) -> Assessment:
        """Ask Sentry all questions at once. An unanswered one gives None, and its reason is a remark."""
        now, api, remarks = self.clock(), self.api, dict[str, None]()
        new, old, where = self.version, self.before, self.environment
        lived, as_long = (self.since, now), (2 * self.since - now, self.since)
        a_day = (self.since - BASELINE, self.since)

        def answer(question: Callable[[], T]) -> T | None:
            try:
                return question()
            except SentryError as error:
                remarks[error.problem] = None
                return None

        answer(api.identify)  # once, not in each question
        with ThreadPoolExecutor(_QUESTIONS) as threads:

            def ask(question: Callable[[], T]) -> Callable[[], T | None]:
                return threads.submit(answer, question).result

            issues = ask(lambda: api.new_issues(new, where, self.since))
            errors, sessions = ask(lambda: api.errors(new, where, lived)), ask(lambda: api.sessions(new, where, lived))
            before = None
            if old:
                errors_before = ask(lambda: api.errors(old, where, as_long))
                before = Measurements(sessions=ask(lambda: api.sessions(old, where, a_day))(), errors=errors_before())
            found = Measurements(issues(), errors(), sessions())
        return Assessment(judge(found, before, self.limits), tuple(remarks))

    def until(
        self, seconds: float, show: Callable[[Assessment], object], sleep: Callable[[float], object]
    ) -> Assessment:
        """Check repeatedly for so long, or until the release is bad. Shows every assessment but the last."""
        end = self.clock() + seconds
        while True:
            assessment = self.look()
            left = end - self.clock()
            if left <= 0 or assessment.verdict is Verdict.UNHEALTHY:
                return assessment
            show(assessment)
            sleep(min(LOOK_EVERY, left))


@dataclass
class Bake:
    """Watches a release while it bakes."""

    watch: Watch
    goes_back: bool
    """Whether an unhealthy release must be switched back."""
    patience: Deadline
    """The deadline of the watch's API: one check takes `within` seconds at most."""
    within: float
    remarks: list[str] = field(default_factory=list)
    _next: float = 0

    def glance(self, last: bool) -> None:  # noqa: FBT001 - an Onlooker
        """Called every second; asks Sentry when it is time. Raises UnhealthyError if the deploy must switch back."""
        now = time.monotonic()
        if now < self._next and not last:
            return
        self._next = now + LOOK_EVERY
        self.patience.move(self.within)
        assessment = self.watch.look()
        message = f"Sentry finds {short(self.watch.version)} {assessment}"
        if assessment.verdict is Verdict.UNHEALTHY and self.goes_back:
            links = self.watch.api.links(self.watch.version, self.watch.environment)
            raise UnhealthyError(message, hint=f"look at {links['new issues']}")
        if assessment.verdict is not Verdict.HEALTHY and last:
            self.remarks += [message, *assessment.remarks]
