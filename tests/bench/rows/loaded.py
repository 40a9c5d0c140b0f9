"""A deploy with a migration, under a load that never retries, beside what people have before."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench import schema
from tests.bench.old_workflow import OldWorkflow
from tests.bench.ours import ENVIRONMENT, Ours
from tests.bench.results import OLD, Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Ours | OldWorkflow]:
    """One version live."""
    bench.rig.reset(bench.host)
    contender: Ours | OldWorkflow
    if who == OLD:
        contender = OldWorkflow(bench.rig, bench.host, bench.fresh("old"))
    else:
        contender = near.ours(bench, who)
        schema.prepare(contender.app)
    contender.prepare()
    yield contender


def deploy(contender: Ours | OldWorkflow) -> Mapping[str, float]:
    """A new commit that needs a migration, while nine clients ask."""
    schema.need(contender.app, "0001", "0002")
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
                Row("loaded", "deploy with a migration, under load"),
                Row("loaded-outage", "under load: from the first failed request to the last", aim="0 s"),
                Row("loaded-failed", "under load: failed requests", "requests", "0"),
            ),
            OURS_ALONE | {OLD},
        ),
    ),
)
