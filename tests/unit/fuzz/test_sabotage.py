"""Five bugs put in on purpose: each is found by a fault in memory, with the rule that it breaks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tagship.deploy import apply, execution, recovery
from tagship.deploy.observed import Migrated
from tagship.deploy.rollout import plan_recovery
from tagship.deploy.steps import Cutover, Drain, Plan, Serve, Start, Step
from tagship.errors import RolloutError
from tagship.server.lease import Lease
from tests.unit.interleaving import sweep
from tests.unit.interleaving.town import in_town

Broken = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(autouse=True)
def _in_town() -> Iterator[None]:
    with in_town():
        yield


def lock_not_checked(patch: pytest.MonkeyPatch) -> None:
    """Never look whether the lock is still ours."""
    patch.setattr(Lease, "check", lambda _: None)


def recovery_without_serve(patch: pytest.MonkeyPatch) -> None:
    """Go back to the old release, and leave the edge with the new one's routes."""

    def without(*given: Any) -> Plan:  # noqa: ANN401
        return tuple(step for step in plan_recovery(*given) if not isinstance(step, Serve))

    patch.setattr(recovery, "plan_recovery", without)


def drain_skipped(patch: pytest.MonkeyPatch) -> None:
    """Stop the old release at once."""
    _instead(patch, lambda step, perform: None if isinstance(step, Drain) else perform())


def ledger_before_cutover(patch: pytest.MonkeyPatch) -> None:
    """Record the release before traffic reaches it."""

    def parted(plan: Plan) -> tuple[Plan, Plan]:
        at = next((at for at, step in enumerate(plan) if isinstance(step, Cutover)), len(plan))
        return plan[:at], plan[at:]

    patch.setattr(execution, "parted", parted)


def readiness_ignored(patch: pytest.MonkeyPatch) -> None:
    """Go on with a service that isn't ready."""

    def perform_anyway(step: Step, perform: Callable[[], Migrated | None]) -> Migrated | None:
        try:
            return perform()
        except RolloutError:
            if isinstance(step, Start):
                return None
            raise

    _instead(patch, perform_anyway)


def _instead(patch: pytest.MonkeyPatch, how: Callable[[Step, Callable[[], Migrated | None]], Migrated | None]) -> None:
    perform = apply._perform
    patch.setattr(apply, "_perform", lambda step, *rest: how(step, lambda: perform(step, *rest)))


@pytest.mark.parametrize(
    ("bug", "fault", "rule"),
    [
        (lock_not_checked, "the lock is freed, another deploys", "went on without the lock"),
        (recovery_without_serve, "the engine refuses", "the edge serves other routes"),
        (drain_skipped, sweep.IN_VAIN, "requests in flight"),
        (ledger_before_cutover, sweep.IN_VAIN, "is recorded as good, but isn't live"),
        (readiness_ignored, "it crashes", "is recorded as good, but"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_bug_is_found(bug: Broken, fault: str, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sweep.cases(["deploy"], [fault])
    bug(monkeypatch)

    wrong = next(case for case in found if case.wrong)

    assert any(rule in line for line in wrong.wrong), wrong
