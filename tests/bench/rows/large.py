"""An image of 1 GB, of which each commit changes one small layer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.ours import Ours
from tests.bench.results import Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene

SIZE = 1_000_000_000
"""Bytes that don't compress. The layer is built, pushed and pulled once; later rounds find it where it is needed."""


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Ours]:
    """One release, so that the server has the large layer."""
    bench.rig.reset(bench.host)
    ours = near.ours(bench, who)
    ours.app.settings["registry"] = f"{bench.rig.registry.address}/bench-large"  # one for all, as the layer is large
    dockerfile = ours.app.folder / "Dockerfile"
    layer = f"RUN head -c {SIZE} /dev/urandom > /large\nCOPY server.py"
    dockerfile.write_text(dockerfile.read_text().replace("COPY server.py", layer))
    ours.prepare()
    yield ours


def deploy(ours: Ours) -> Mapping[str, float]:
    """A new commit."""
    return {"large": ours.ship().seconds}


SCENE = Scene(
    stage,
    (Play(deploy, (Row("large", "deploy of an image of 1 GB, changed by one layer"),), OURS_ALONE),),
)
