"""A release is watched until it is bad, or the time is over."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tagship.errors import UnhealthyError
from tagship.sentry.api import SentryApi
from tagship.sentry.health import Limits, Verdict
from tagship.sentry.watch import LOOK_EVERY, Assessment, Bake, Watch
from tagship.system.deadline import Deadline
from tests.fakes import sentries
from tests.fakes.sentries import OLD, ORG, VERSION, Sentry
from tests.fakes.servers import Answer

BEFORE = f"shop@{OLD}"
NOW = 1767225600.0


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    """One that has seen a healthy release after a healthy one."""
    with sentries.serve() as served:
        served.sessions = {VERSION: {"1": (200, 0)}, BEFORE: {"1": (9000, 0)}}
        yield served


@dataclass
class Clock:
    """Goes on only by sleeping."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Pass the time."""
        self.slept.append(seconds)
        self.now += seconds


def watch(sentry: Sentry, clock: Clock, before: str = BEFORE) -> Watch:
    """Of a release that went live ten minutes ago."""
    return Watch(SentryApi(sentry.account()), "staging", VERSION, before, NOW - 600, Limits(), clock)


def bake(sentry: Sentry, *, goes_back: bool = False) -> Bake:
    """Of a release that has just gone live."""
    patience = Deadline()
    watched = Watch(SentryApi(sentry.account(), patience), "staging", VERSION, BEFORE, NOW, Limits())
    return Bake(watched, goes_back, patience, within=60)


def test_a_healthy_release_is_watched_to_the_end(sentry: Sentry) -> None:
    clock, seen = Clock(), list[Assessment]()

    looked = watch(sentry, clock).until(40, seen.append, clock.sleep)

    assert looked.verdict is Verdict.HEALTHY
    assert clock.slept == [LOOK_EVERY, LOOK_EVERY, 40 - 2 * LOOK_EVERY]
    assert len(seen) == 3, "the last look is the answer"


def test_a_bad_release_is_bad_at_once(sentry: Sentry) -> None:
    sentry.issues = {"2": 1}
    clock = Clock()

    looked = watch(sentry, clock).until(600, str, clock.sleep)

    assert str(looked) == "unhealthy: new issues: 1, of 0 allowed"
    assert clock.slept == []


def test_the_release_before_is_looked_at_over_as_long_a_time_and_its_sessions_over_a_day(sentry: Sentry) -> None:
    watch(sentry, Clock()).look()

    def asked(what: str) -> list[str]:
        return [r.query["start"] for r in sentry.server.asked(f"GET {ORG}/{what}/") if r.query["project"] == "1"]

    assert sorted(asked("events")) == ["2025-12-31T23:40:00", "2025-12-31T23:50:00"]
    assert sorted(asked("sessions")) == ["2025-12-30T23:50:00", "2025-12-31T23:50:00"]


def test_a_first_release_has_none_before_it(sentry: Sentry) -> None:
    assert watch(sentry, Clock(), "").look().verdict is Verdict.HEALTHY
    assert len(sentry.server.asked(f"GET {ORG}/events/")) == len(sentry.account().projects)


def test_a_new_configuration_is_held_to_what_the_same_release_was_like_before(sentry: Sentry) -> None:
    sentry.sessions = {VERSION: {"1": (200, 10)}}

    assert watch(sentry, Clock(), VERSION).look().verdict is Verdict.HEALTHY
    assert watch(sentry, Clock(), "").look().verdict is Verdict.UNHEALTHY


def test_an_api_that_fails_is_inconclusive_and_says_why_once(sentry: Sentry) -> None:
    sentry.server.answers[f"GET {ORG}/events/"] = Answer(503, b"busy")

    looked = watch(sentry, Clock()).look()

    assert looked.verdict is Verdict.INCONCLUSIVE
    assert looked.remarks == ("Sentry answered 503: busy (GET /api/0/organizations/acme/events/).",)


def test_an_unhealthy_release_ends_its_bake_where_the_deploy_is_to_go_back(sentry: Sentry) -> None:
    sentry.issues = {"1": 3}

    with pytest.raises(UnhealthyError, match=r"new issues: 3, of 0 allowed\n  hint: look at http"):
        bake(sentry, goes_back=True).glance(False)  # noqa: FBT003 - as a bake calls it


def test_an_unhealthy_release_that_is_only_reported_goes_on(sentry: Sentry) -> None:
    sentry.issues = {"1": 3}
    baking = bake(sentry)

    baking.glance(False)  # noqa: FBT003 - as a bake calls it
    assert baking.remarks == []
    baking.glance(True)  # noqa: FBT003 - the same

    assert baking.remarks == ["Sentry finds shop@bbbbbbbb unhealthy: new issues: 3, of 0 allowed"]


def test_too_little_known_never_ends_a_bake_and_is_said_at_its_end(sentry: Sentry) -> None:
    sentry.sessions = {}
    baking = bake(sentry, goes_back=True)

    baking.glance(True)  # noqa: FBT003 - as a bake calls it

    assert "inconclusive" in baking.remarks[0]


def test_sentry_is_not_asked_at_every_glance(sentry: Sentry) -> None:
    baking = bake(sentry)

    for _ in range(5):
        baking.glance(False)  # noqa: FBT003 - as a bake calls it

    assert len(sentry.server.asked(f"GET {ORG}/issues/")) == len(sentry.account().projects)


def test_a_healthy_release_is_no_remark(sentry: Sentry) -> None:
    baking = bake(sentry)

    baking.glance(True)  # noqa: FBT003 - as a bake calls it

    assert baking.remarks == []
