"""Compose files of several services: four that start at once or one after another, and a hundred that are planned."""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tests.bench.ours import Ours
from tests.bench.results import Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene

FOUR, HUNDRED = 4, 100
BOOT = "1 s"
_SERVE = "server.serve_forever("


def services(compose: dict[str, Any], count: int, *, chained: bool) -> None:
    """Make `count` services of the one called `web`, perhaps each waiting until the one before is healthy."""
    web = compose["services"]["web"]
    names = ["web", *(f"web{number}" for number in range(2, count + 1))]
    for before, name in itertools.pairwise(names):
        compose["services"][name] = copy.deepcopy(web)
        if chained:
            compose["services"][name]["depends_on"] = {before: {"condition": "service_healthy"}}


@contextmanager
def _four(bench: Bench, who: str, *, chained: bool) -> Iterator[Ours]:
    """Four services that each take a second to boot."""
    bench.rig.reset(bench.host)
    ours = near.ours(bench, who)
    services(ours.app.compose, FOUR, chained=chained)
    source = ours.app.folder / "server.py"
    source.write_text(source.read_text().replace(_SERVE, f"time.sleep(1)\n{_SERVE}"))
    ours.prepare()
    yield ours


def four(*, chained: bool) -> Callable[[Bench, str], AbstractContextManager[Ours]]:
    """The stage of either kind."""
    return lambda bench, who: _four(bench, who, chained=chained)


@contextmanager
def hundred(bench: Bench, who: str) -> Iterator[Ours]:
    """A release of one service is live; the next commit has a hundred, its image pushed."""
    bench.rig.reset(bench.host)
    ours = near.ours(bench, who)
    ours.prepare()
    services(ours.app.compose, HUNDRED, chained=False)
    ours.app.commit()
    ours.timed("build", "push")
    yield ours


def at_once(ours: Ours) -> Mapping[str, float]:
    """Nothing waits for anything."""
    return {"four": ours.ship().seconds}


def in_turn(ours: Ours) -> Mapping[str, float]:
    """Each waits for the one before."""
    return {"four-in-turn": ours.ship().seconds}


def plan(ours: Ours) -> Mapping[str, float]:
    """`tagship deploy --dry-run`."""
    return {"hundred": ours.run("deploy", "--dry-run").seconds}


SCENES = (
    Scene(
        four(chained=False), (Play(at_once, (Row("four", f"deploy of four services that boot {BOOT}"),), OURS_ALONE),)
    ),
    Scene(
        four(chained=True),
        (Play(in_turn, (Row("four-in-turn", "the same, each waiting until the one before is healthy"),), OURS_ALONE),),
    ),
    Scene(hundred, (Play(plan, (Row("hundred", "`deploy --dry-run` of 100 services"),), OURS_ALONE),)),
)
