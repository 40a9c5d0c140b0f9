"""Judges a release by what Sentry has seen of it and of the previous one. Pure; never healthy by default."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tagship.project.sentry_settings import WatchSettings


class Verdict(StrEnum):
    """The verdict on a release."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Limits:
    """The limits for a healthy release; percentage points for `crash_free_drop`."""

    new_issues: int = 0
    error_factor: float = 2
    min_errors: int = 10
    crash_free_drop: float = 1
    min_sessions: int = 50


@dataclass(frozen=True)
class Sessions:
    """The number of sessions, and how many of them crashed."""

    count: int
    crashed: int


@dataclass(frozen=True)
class Measurements:
    """What Sentry has seen of a release; None if unknown."""

    new_issues: int | None = None
    errors: int | None = None
    sessions: Sessions | None = None


@dataclass(frozen=True)
class Signal:
    """One signal with its verdict, and the reason in words."""

    name: str
    verdict: Verdict
    said: str


def limits(settings: WatchSettings) -> Limits:
    """The limits in tagship.yml."""
    return Limits(**settings.model_dump())


def judge(new: Measurements, old: Measurements | None, limits: Limits) -> tuple[Signal, ...]:
    """Every signal of a release, compared with the previous one (None for the first release)."""
    return (_issues(new, limits), _errors(new, old, limits), *_sessions(new, old, limits))


def verdict(signals: Iterable[Signal]) -> Verdict:
    """Unhealthy if any signal is; healthy only if all are."""
    found = {signal.verdict for signal in signals}
    if Verdict.UNHEALTHY in found:
        return Verdict.UNHEALTHY
    return Verdict.HEALTHY if found == {Verdict.HEALTHY} else Verdict.INCONCLUSIVE


def _issues(new: Measurements, limits: Limits) -> Signal:
    if new.new_issues is None:
        return Signal("new issues", Verdict.INCONCLUSIVE, "Sentry doesn't know")
    bad = new.new_issues > limits.new_issues
    return Signal(
        "new issues", Verdict.UNHEALTHY if bad else Verdict.HEALTHY, f"{new.new_issues}, of {limits.new_issues} allowed"
    )


def _errors(new: Measurements, old: Measurements | None, limits: Limits) -> Signal:
    """Too many errors, or not. Zero errors are healthy only if sessions show that the app was used."""
    if new.errors is None or (old and old.errors is None):
        return Signal("errors", Verdict.INCONCLUSIVE, "Sentry doesn't know")
    before = (old.errors or 0) if old else 0
    allowed = max(limits.min_errors, int(before * limits.error_factor))
    reason = f"{new.errors}, after {before} of the previous release in an equally long time; {allowed} allowed"
    if new.errors > allowed:
        return Signal("errors", Verdict.UNHEALTHY, reason)
    silent = not new.errors and not (new.sessions and new.sessions.count)
    return Signal("errors", Verdict.INCONCLUSIVE if silent else Verdict.HEALTHY, reason)


def _sessions(new: Measurements, old: Measurements | None, limits: Limits) -> Iterator[Signal]:
    """Compared with the previous release, if there was one; both need enough sessions."""
    if not limits.min_sessions:
        return
    name = "crash-free sessions"
    rate, lacking = _rate(new.sessions, limits)
    before, lacking_before = _rate(old.sessions, limits) if old else (1.0, "")
    if rate is None:
        yield Signal(name, Verdict.INCONCLUSIVE, lacking)
    elif before is None:
        yield Signal(name, Verdict.INCONCLUSIVE, f"{rate:.2%}; of the previous release {lacking_before}")
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
