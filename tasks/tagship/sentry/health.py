"""Whether a release is healthy, by what Sentry has seen of it and of the one before. Pure; never healthy by default."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tagship.project.schema import WatchSettings


class Verdict(StrEnum):
    """What is known of a release."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Limits:
    """What a healthy release may look like; percentage points for `crash_free_drop`."""

    new_issues: int = 0
    error_factor: float = 2
    min_errors: int = 10
    crash_free_drop: float = 1
    min_sessions: int = 50


@dataclass(frozen=True)
class Sessions:
    """How many sessions there were, and how many of them crashed."""

    count: int
    crashed: int


@dataclass(frozen=True)
class Seen:
    """What Sentry has seen of a release; None where it couldn't say."""

    new_issues: int | None = None
    errors: int | None = None
    sessions: Sessions | None = None


@dataclass(frozen=True)
class Signal:
    """One thing looked at, what it says, and in words."""

    name: str
    verdict: Verdict
    said: str


def limits(settings: WatchSettings) -> Limits:
    """What tagship.yml allows."""
    return Limits(**settings.model_dump())


def judge(new: Seen, old: Seen | None, limits: Limits) -> tuple[Signal, ...]:
    """Every signal of a release, beside the one before it (None for the first release)."""
    return (_issues(new, limits), _errors(new, old, limits), *_sessions(new, old, limits))


def verdict(signals: Iterable[Signal]) -> Verdict:
    """Unhealthy if any signal is; healthy only if all are."""
    found = {signal.verdict for signal in signals}
    if Verdict.UNHEALTHY in found:
        return Verdict.UNHEALTHY
    return Verdict.HEALTHY if found == {Verdict.HEALTHY} else Verdict.INCONCLUSIVE


def _issues(new: Seen, limits: Limits) -> Signal:
    if new.new_issues is None:
        return Signal("new issues", Verdict.INCONCLUSIVE, "Sentry couldn't say")
    bad = new.new_issues > limits.new_issues
    return Signal(
        "new issues", Verdict.UNHEALTHY if bad else Verdict.HEALTHY, f"{new.new_issues}, of {limits.new_issues} allowed"
    )


def _errors(new: Seen, old: Seen | None, limits: Limits) -> Signal:
    """Too many, or no more than before; nothing at all is only good news when sessions show that somebody was there."""
    if new.errors is None or (old and old.errors is None):
        return Signal("errors", Verdict.INCONCLUSIVE, "Sentry couldn't say")
    before = (old.errors or 0) if old else 0
    allowed = max(limits.min_errors, int(before * limits.error_factor))
    said = f"{new.errors}, after {before} of the release before in as long a time; {allowed} allowed"
    if new.errors > allowed:
        return Signal("errors", Verdict.UNHEALTHY, said)
    silent = not new.errors and not (new.sessions and new.sessions.count)
    return Signal("errors", Verdict.INCONCLUSIVE if silent else Verdict.HEALTHY, said)


def _sessions(new: Seen, old: Seen | None, limits: Limits) -> Iterator[Signal]:
    """Beside those of the release before, where there was one; both must be enough to say anything."""
    if not limits.min_sessions:
        return
    name = "crash-free sessions"
    rate, lacking = _rate(new.sessions, limits)
    before, lacking_before = _rate(old.sessions, limits) if old else (1.0, "")
    if rate is None:
        yield Signal(name, Verdict.INCONCLUSIVE, lacking)
    elif before is None:
        yield Signal(name, Verdict.INCONCLUSIVE, f"{rate:.2%}; of the release before {lacking_before}")
    else:
        bad = (before - rate) * 100 > limits.crash_free_drop
        yield Signal(name, Verdict.UNHEALTHY if bad else Verdict.HEALTHY, f"{rate:.2%}, after {before:.2%}")


def _rate(sessions: Sessions | None, limits: Limits) -> tuple[float | None, str]:
    """The crash-free rate, or why there is none to go by."""
    if sessions is None:
        return None, "Sentry couldn't say"
    if sessions.count < limits.min_sessions:
        return None, f"{sessions.count} sessions, fewer than {limits.min_sessions}"
    return 1 - sessions.crashed / sessions.count, ""
