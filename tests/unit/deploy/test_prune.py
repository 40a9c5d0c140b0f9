"""Which stopped releases a server no longer needs."""

from collections.abc import Sequence

import pytest

from tagship.deploy.observed import Observed
from tagship.deploy.prune import plan_prune, plan_tidying
from tagship.deploy.steps import Drain, Remove, Stop
from tagship.errors import CheckError
from tagship.release.model import Rendered
from tests.fakes.builders import entry, observed, rendered, standing

RELEASES = [rendered(digit) for digit in "abcdef"]
LIVE, PREVIOUS = RELEASES[-1], RELEASES[-2]


def after(releases: Sequence[Rendered], proven: Sequence[Rendered]) -> Observed:
    """An environment with those releases, oldest first, only the last of which runs."""
    stopped = [standing(release, at, running=()) for at, release in enumerate(releases[:-1])]
    return observed(LIVE, *stopped, standing(releases[-1], len(releases)), history=[entry(r) for r in proven])


def test_keeps_the_newest_and_counts_the_previous_one_among_them() -> None:
    plan = plan_prune(after(RELEASES, RELEASES), live=LIVE.name, previous=PREVIOUS.name, keep=3)

    assert set(plan) == {Remove(RELEASES[0].name), Remove(RELEASES[1].name)}


def test_keeps_the_previous_one_even_when_it_may_keep_only_one() -> None:
    plan = plan_prune(after(RELEASES[-3:], RELEASES), live=LIVE.name, previous=PREVIOUS.name, keep=1)

    assert plan == (Remove(RELEASES[-3].name),)


def test_keeps_the_previous_one_however_old_it_is() -> None:
    oldest = RELEASES[0]

    plan = plan_prune(after(RELEASES, RELEASES), live=LIVE.name, previous=oldest.name, keep=1)

    assert Remove(oldest.name) not in plan


def test_what_was_never_live_goes_even_when_there_is_room() -> None:
    plan = plan_prune(after(RELEASES[-3:], [PREVIOUS, LIVE]), live=LIVE.name, previous=PREVIOUS.name, keep=5)

    assert plan == (Remove(RELEASES[-3].name),)


def test_what_runs_is_never_removed() -> None:
    environment = observed(LIVE, *(standing(release) for release in RELEASES), history=[])

    assert plan_prune(environment, live=LIVE.name, previous="", keep=1) == ()


def test_a_first_deploy_has_nothing_to_prune() -> None:
    assert plan_prune(observed(None), live=LIVE.name, previous="", keep=1) == ()


def test_keeps_as_many_as_it_may_when_there_was_no_previous_one() -> None:
    plan = plan_prune(after(RELEASES[-3:], RELEASES), live=LIVE.name, previous="", keep=2)

    assert plan == ()


def test_outside_a_deploy_what_a_killed_deploy_left_running_is_stopped_and_goes() -> None:
    left = rendered("9")
    there = (standing(PREVIOUS, 1, running=()), standing(LIVE, 2), standing(left, 3))
    now = observed(LIVE, *there, history=[entry(release) for release in RELEASES])

    assert plan_tidying(now, keep=1, drain=30) == (Drain(left.name, 30), Stop(left.name), Remove(left.name))


def test_outside_a_deploy_the_release_before_the_live_one_stays() -> None:
    plan = plan_tidying(after(RELEASES, RELEASES), keep=1, drain=30)

    assert set(plan) == {Remove(release.name) for release in RELEASES[:-2]}


def test_where_only_a_failed_first_deploy_stands_it_goes() -> None:
    assert plan_tidying(observed(None, standing(LIVE, 1, running=())), keep=5, drain=30) == (Remove(LIVE.name),)


def test_where_no_release_is_known_as_live_none_that_runs_is_stopped() -> None:
    with pytest.raises(CheckError, match=f"{LIVE.name} runs"):
        plan_tidying(observed(None, standing(LIVE, 1)), keep=5, drain=30)
