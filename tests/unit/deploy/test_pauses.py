"""What a plan says of services that stop first."""

import dataclasses

from tagship.deploy.pauses import pauses
from tagship.deploy.rollout import Patience, plan_rollout
from tests.fakes.builders import Services, entry, observed, rendered

SQLITE: Services = {
    "web": {
        "environment": {"DATABASE_URL": "sqlite:////data/shop.db"},
        "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
    }
}


def test_a_plan_says_what_stops_first_and_how_long_that_took_the_last_time() -> None:
    old, new = (rendered(digit, SQLITE, singletons=("web",)) for digit in "ab")
    before = observed(old)
    measured = dataclasses.replace(before, history=(dataclasses.replace(entry(old), paused=1.25), entry(old)))
    plan = plan_rollout(new, before, Patience())

    why = "(web keeps SQLite in a volume)"
    said = f"web stops before the new one starts {why}; the edge holds requests meanwhile, up to 10 s"
    assert list(pauses(plan, before, new)) == [f"{said}: not measured yet"]
    assert list(pauses(plan, measured, new)) == [f"{said}: 1.25 s the last time"]


def test_a_plan_says_that_the_whole_release_stops_first() -> None:
    old, new = (rendered(digit, recreate=True) for digit in "ab")
    before = observed(old)

    (said,) = pauses(plan_rollout(new, before, Patience()), before, new)

    assert said.startswith("The whole release stops before the new one starts; the edge holds")


def test_nothing_waits_for_a_worker_or_where_two_may_run() -> None:
    old, new = (rendered(digit, {"web": {}, "beat": {}}, singletons=("beat",)) for digit in "ab")
    before = observed(old)

    assert list(pauses(plan_rollout(new, before, Patience()), before, new)) == []
