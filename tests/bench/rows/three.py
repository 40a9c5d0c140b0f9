"""Three environments on one server, and how they are."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.ours import Ours
from tests.bench.results import Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Ours]:
    """A release in each of three environments."""
    bench.rig.reset(bench.host)
    ours = near.ours(bench, who)
    names = ("one", "two", "three")
    engine = {"engine": bench.host.ssh_url}
    ours.app.settings["environments"] = {name: {**engine, "url": f"http://{name}.example"} for name in names}
    ours.app.settings["smoke"] = [{"run": "true"}]  # nobody resolves these names
    ours.app.commit()
    ours.timed("ship", "--env", "one")
    for name in names[1:]:
        ours.timed("deploy", "--env", name)
    yield ours


def status(ours: Ours) -> Mapping[str, float]:
    """`tagship status` of all of them."""
    return {"status-3": ours.timed("status").seconds}


SCENE = Scene(stage, (Play(status, (Row("status-3", "`status` of three environments on one server"),), OURS_ALONE),))
