"""Says what waits while old containers stop before new ones start. Pure."""

import itertools
from collections.abc import Iterator

from tagship.deploy.observed import Observed
from tagship.deploy.steps import Plan, Start, Stop
from tagship.release.model import Rendered
from tagship.release.shape import keeps_sqlite


def pauses(plan: Plan, before: Observed, new: Rendered) -> Iterator[str]:
    """What stops first in a plan, why, and for how long requests waited the last time, one per line."""
    steps = [step for step in plan if isinstance(step, Stop | Start)]
    for one, other in itertools.pairwise(steps):
        if not (isinstance(one, Stop) and isinstance(other, Start) and one.release == before.live):
            continue
        if not (waiting := [service for service in other.services if service in new.routed]):
            continue
        past = next((entry.paused for entry in reversed(before.history) if entry.paused), 0)
        last = f"{past:g} s the last time" if past else "not measured yet"
        services = new.release.sources.model.get("services") or {}
        sqlite = [service for service in one.services if keeps_sqlite(services.get(service) or {})]
        why = f" ({', '.join(sqlite)} keeps SQLite in a volume)" if sqlite else ""
        what = ", ".join(waiting) if one.services else "The whole release"
        yield f"{what} stops before the new one starts{why}; the edge holds requests meanwhile, up to 10 s: {last}"
