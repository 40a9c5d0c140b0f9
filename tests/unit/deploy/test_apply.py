"""Performs a plan: every step's effect, in order, under the lock."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tagship.deploy.apply import apply
from tagship.deploy.observed import Migrated
from tagship.deploy.rollout import Patience, changes, plan_recovery, plan_rollout
from tagship.deploy.steps import Create, Plan, Prepare, Pull, Start, Stop
from tagship.deploy.target import Listeners
from tagship.errors import LockedError, RolloutError, SmokeTestError
from tagship.testing import MemoryTarget
from tests.fakes.builders import MIGRATIONS, Services, entry, good, image, rendered

OLD, NEW = rendered("a"), rendered("b", {"web": {}, "worker": {}}, migrations=MIGRATIONS)

EFFECTS = [
    "pull",
    "prepare",
    "ask",
    "create",
    "migrate",
    "start",
    "serve",
    "smoke_test",
    "cutover",
    "bake",
    "drain",
    "stop",
]


class Shown:
    """What a person sees: each step when it begins, and whether it ended well."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """One step."""
        self.begun.append(text)
        yield
        self.ended.append(text)


def plan(target: MemoryTarget) -> Plan:
    """How to get from what is there to NEW, baking included."""
    return plan_rollout(NEW, target.observe(), Patience(bake=1))


def test_performs_every_step_in_order() -> None:
    target = MemoryTarget.running(OLD)
    target.pending = ("web.0002_more",)

    migrated = apply(plan(target), target, Shown().step)

    assert target.changes == [
        f"pull {image('web', 'b')} {image('worker', 'b')}",
        f"prepare {NEW.name}",
        f"create {NEW.name}",
        "migrate web.0002_more",
        f"start {NEW.name} web",
        f"cutover {NEW.name}",
        f"start {NEW.name} worker",
        f"stop {OLD.name} web",
    ]
    assert migrated == Migrated(("web.0002_more",), ("web.0002_more",))


@pytest.mark.parametrize(("between", "waited"), [((), [("web",)]), ((Pull(()),), [])])
def test_requests_waited_from_a_stop_to_the_start_that_follows_it_at_once(
    between: Plan, waited: list[tuple[str, ...]]
) -> None:
    seen: list[tuple[str, ...]] = []
    listeners = Listeners(paused=lambda _seconds, services: seen.append(tuple(services)))
    target = MemoryTarget.running(OLD)
    images = Pull(tuple(NEW.release.images.values()))
    apply((images, Prepare(NEW), Create(NEW)), target, Shown().step)

    apply((Stop(OLD.name), *between, Start(NEW, ("web",))), target, Shown().step, listeners)

    assert seen == waited


def test_what_was_applied_is_nothing_to_do() -> None:
    target = MemoryTarget()

    apply(plan(target), target, Shown().step)
    target.record(entry(NEW))

    assert not changes(plan(target))


def test_shows_each_step_while_it_runs() -> None:
    target, shown = MemoryTarget(), Shown()
    steps = plan(target)

    apply(steps, target, shown.step)

    assert shown.begun == shown.ended == [str(step) for step in steps]


@pytest.mark.parametrize("effect", EFFECTS)
def test_stops_at_the_first_step_that_fails(effect: str) -> None:
    target, shown = MemoryTarget.running(OLD), Shown()
    target.fails = {effect: RolloutError("it broke")}

    with pytest.raises(RolloutError, match="it broke"):
        apply(plan(target), target, shown.step)

    assert shown.begun[:-1] == shown.ended
    assert not any(change.startswith(effect) for change in target.changes)


def test_a_lost_lock_stops_the_deploy_before_the_next_change() -> None:
    target = MemoryTarget.running(OLD)
    target.fails = {"still_ours": LockedError("taken")}

    with pytest.raises(LockedError):
        apply(plan(target), target, Shown().step)

    assert [change.split()[0] for change in target.changes] == ["pull"]  # an image more changes nothing


@pytest.mark.parametrize("effect", ["ask", "create", "migrate", "start", "smoke_test"])
def test_whatever_fails_before_the_cutover_the_old_release_serves_on(effect: str) -> None:
    target = MemoryTarget.running(OLD)
    before = target.observe()
    target.fails = {effect: SmokeTestError("no")}

    with pytest.raises(SmokeTestError):
        apply(plan(target), target, Shown().step)
    target.fails.clear()
    apply(plan_recovery(NEW.name, good(OLD), target.observe()), target, Shown().step)

    after = target.observe()
    assert (after.live, after.releases) == (before.live, before.releases)
    target.smoke_test(OLD.name, candidate=False)


def test_what_fails_after_the_cutover_is_switched_back() -> None:
    target = MemoryTarget.running(OLD)
    target.fails = {"bake": RolloutError("it leaks")}
    with pytest.raises(RolloutError):
        apply(plan(target), target, Shown().step)
    assert target.live == NEW.name

    target.fails.clear()
    apply(plan_recovery(NEW.name, good(OLD), target.observe()), target, Shown().step)

    assert target.live == OLD.name
    assert target.live_served == OLD.served
    assert target.observe().standing(NEW.name) is None
    target.smoke_test(OLD.name, candidate=False)


def test_a_failure_after_the_old_singleton_stopped_has_it_run_again() -> None:
    services: Services = {"web": {}, "beat": {}}
    old, new = rendered("a", services), rendered("b", services, singletons=("beat",))
    target = MemoryTarget.running(old)
    before = target.observe()
    steps = plan_rollout(new, before, Patience())
    cut = steps.index(Stop(old.name, ("beat",))) + 1
    apply(steps[:cut], target, Shown().step)
    assert "beat" not in target.observe().releases[0].running

    apply(plan_recovery(new.name, good(old), target.observe()), target, Shown().step)

    assert target.observe().releases == before.releases


def test_stops_the_services_it_is_told_to() -> None:
    target = MemoryTarget.running(NEW)

    apply((Stop(NEW.name, ("worker",)),), target, Shown().step)

    assert target.changes == [f"stop {NEW.name} worker"]
