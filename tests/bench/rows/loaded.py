"""A deploy under a load that never retries, beside what people have before."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.old_workflow import OldWorkflow
from tests.bench.ours import ENVIRONMENT, Ours
from tests.bench.results import OLD, Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Ours | OldWorkflow]:
    """One version live."""
    bench.rig.reset(bench.host)
    contender = OldWorkflow(bench.rig, bench.host, bench.fresh("old")) if who == OLD else near.ours(bench, who)
    contender.prepare()
    yield contender


def deploy(contender: Ours | OldWorkflow) -> Mapping[str, float]:
    """A new commit, while nine clients ask."""
    if isinstance(contender, OldWorkflow):
        load = contender.app.load_at(contender.url)
    else:
        load = contender.app.load(ENVIRONMENT)
    time.sleep(1)
    try:
        took = contender.ship().seconds
    finally:
        seen = load.stop()
    return {"loaded": took, "loaded-failed": len(seen["failures"]), "loaded-outage": seen["outage"]}


SCENE = Scene(
    stage,
    (
        Play(
            deploy,
            (
                Row("loaded", "deploy under load"),
                Row("loaded-outage", "under load: from the first failed request to the last", aim="0 s"),
                Row("loaded-failed", "under load: failed requests", "requests", "0"),
            ),
            OURS_ALONE | {OLD},
        ),
    ),
)
