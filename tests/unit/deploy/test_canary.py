"""Whether a canary's candidate does worse than the live release, and the plans around it."""

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Mapping

import pytest

from tagship.deploy.apply import apply
from tagship.deploy.canary import Answers, Terms, UnderWay, told, worse
from tagship.deploy.observed import Observed, Routing
from tagship.deploy.prune import plan_tidying
from tagship.deploy.rollout import Patience, changes, plan_recovery, plan_rollout
from tagship.deploy.steps import Canary, Cutover, Drain, EndCanary, Hold, Plan, Remove, SmokeTest, Stop
from tagship.deploy.target import Listeners
from tagship.errors import RolloutError
from tagship.reporting.progress import Progress
from tagship.testing import MemoryTarget
from tests.fakes.builders import good, observed, rendered, standing

OLD, NEW, THIRD = rendered("a"), rendered("b"), rendered("c")
TERMS = Terms(10, 60)
PATIENCE = Patience(canary=TERMS)


def canaries(plan: Plan) -> list[Canary]:
    """The canaries of a plan."""
    return [step for step in plan if isinstance(step, Canary)]


def killed() -> Observed:
    """A deploy of NEW was killed during its canary; OLD is live."""
    return dataclasses.replace(observed(OLD, standing(OLD), standing(NEW, 1)), canary=UnderWay(NEW.name, 10))


@pytest.mark.parametrize(
    ("candidate", "live", "why"),
    [
        (Answers(100, 0), Answers(), ""),
        (Answers(2, 2), Answers(900, 0), ""),
        (Answers(300, 3), Answers(900, 0), ""),
        (Answers(3, 3), Answers(900, 0), ""),
        (Answers(4, 4), Answers(900, 0), "4 of 4 requests failed, 100.0%; of the live release, 0.0%"),
        (Answers(100, 3), Answers(900, 0), ""),
        (Answers(100, 5), Answers(900, 0), "5 of 100 requests failed, 5.0%; of the live release, 0.0%"),
        (Answers(1000, 62), Answers(9000, 450), ""),
        (Answers(1000, 90), Answers(9000, 450), "90 of 1000 requests failed, 9.0%; of the live release, 5.0%"),
        (Answers(100, 3), Answers(100, 2), ""),
        (Answers(), Answers(900, 900), ""),
    ],
)
def test_a_candidate_is_worse_when_more_of_its_requests_fail_than_is_allowed(
    candidate: Answers, live: Answers, why: str
) -> None:
    assert worse(candidate, live, TERMS) == why


def test_how_it_went_says_also_that_nobody_came() -> None:
    assert told(Answers(40, 0), Answers(360, 1), TERMS) == "canary 10%: 0 of 40 requests failed; live: 1 of 360"
    assert told(Answers(), Answers(), TERMS) == "canary 10%: no request reached the candidate"


def test_it_comes_when_the_candidate_is_proven_and_people_have_seen_it_and_before_the_cutover() -> None:
    plan = plan_rollout(NEW, observed(OLD), Patience(hold=60, canary=TERMS))

    at = plan.index(Canary(NEW.name, TERMS))
    assert plan[at - 2 : at + 2] == (
        SmokeTest(NEW.name, candidate=True),
        Hold(NEW.name, 60),
        Canary(NEW.name, TERMS),
        Cutover(NEW.name),
    )
    assert not canaries(plan_rollout(NEW, observed(OLD), Patience()))


@pytest.mark.parametrize(
    "before",
    [
        observed(None),
        dataclasses.replace(observed(OLD), routing=Routing(closed=True)),
        dataclasses.replace(observed(OLD), routing=Routing(held=True)),
        observed(rendered("a", routes=())),
        observed(rendered("a", singletons=("web",))),
        observed(rendered("a", recreate=True)),
    ],
)
def test_there_is_none_without_visitors_to_share_or_where_two_releases_may_not_run(before: Observed) -> None:
    alone = before.live_release and before.live_release.shape.singletons
    new = rendered("b", singletons=("web",)) if alone else NEW

    assert not canaries(plan_rollout(new, before, PATIENCE))


def test_the_next_deploy_first_ends_what_a_killed_one_left_whatever_it_brings() -> None:
    for release in (OLD, NEW, THIRD):
        plan = plan_rollout(release, killed(), PATIENCE)
        assert plan[0] == EndCanary(NEW.name)
        assert changes(plan)
    assert Stop(NEW.name) in plan_rollout(OLD, killed(), PATIENCE)
    assert Stop(NEW.name) not in plan_rollout(NEW, killed(), PATIENCE)


def test_what_prunes_after_a_killed_one_ends_it_before_it_stops_the_candidate() -> None:
    plan = plan_tidying(killed(), keep=5, drain=1)

    assert plan[:3] == (EndCanary(NEW.name), Drain(NEW.name, 1), Stop(NEW.name))


def test_one_that_failed_has_no_visitors_and_no_request_in_flight_when_it_is_removed() -> None:
    steps = plan_recovery(NEW.name, good(OLD), killed())

    assert [type(step) for step in steps] == [EndCanary, Drain, Stop, Remove]


def test_a_canary_that_fails_leaves_all_visitors_with_the_live_release() -> None:
    target = MemoryTarget.running(OLD)
    target.fails = {"canary": RolloutError("it fails too often")}
    plan = plan_rollout(NEW, target.observe(), PATIENCE)
    show = Progress(quiet=True).step

    with pytest.raises(RolloutError):
        apply(plan, target, show)
    assert target.observe().canary == UnderWay(NEW.name, 10)
    target.fails.clear()
    apply(plan_recovery(NEW.name, good(OLD), target.observe()), target, show)

    after = target.observe()
    assert (after.canary, after.live, after.standing(NEW.name)) == (None, OLD.name, None)
    assert target.changes[-3:] == ["end_canary", f"stop {NEW.name} web", f"remove {NEW.name}"]


def test_the_cutover_ends_it() -> None:
    target = MemoryTarget.running(OLD)

    apply(plan_rollout(NEW, target.observe(), PATIENCE), target, Progress(quiet=True).step)

    assert (target.live, target.observe().canary) == (NEW.name, None)


def test_what_runs_before_a_cutover_runs_before_its_canary_so_that_nobody_changes_sides_meanwhile() -> None:
    target = MemoryTarget.running(OLD)
    told: list[str] = []

    @contextlib.contextmanager
    def around(stage: str, _facts: Mapping[str, str]) -> Iterator[None]:
        told.append(f"before {stage}: {target.under_way}")
        yield
        told.append(f"after {stage}: {target.observe().live}")

    apply(plan_rollout(NEW, target.observe(), PATIENCE), target, Progress(quiet=True).step, Listeners(around=around))

    assert told == ["before cutover: None", f"after cutover: {NEW.name}"]


def rejected(candidate: float, live: float, outage: range = range(0)) -> int:
    """Of 40 canaries of 300 s, with ten requests a second: how many are rejected with these shares of errors."""
    chance = random.Random(1)  # noqa: S311 - a simulation

    def one() -> bool:
        sides = {True: Answers(), False: Answers()}
        for second in range(300):
            for _ in range(10):
                ours = chance.random() < TERMS.share / 100
                failed = second in outage or chance.random() < (candidate if ours else live)
                sides[ours] = Answers(sides[ours].requests + 1, sides[ours].errors + failed)
            if worse(sides[True], sides[False], TERMS):
                return True
        return False

    return sum(one() for _ in range(40))


def test_chance_and_an_outage_of_both_reject_hardly_any_candidate_and_a_bad_one_is_found() -> None:
    assert rejected(0.01, 0.01) <= 2
    assert rejected(0.001, 0.001, outage=range(100, 115)) <= 2
    assert rejected(0.05, 0.001) >= 36
