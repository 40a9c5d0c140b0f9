"""The example application: Django, PostGIS, Redis, a worker, a frontend."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.example import Example
from tests.bench.results import Row
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Example]:
    """One release, with a database of its own."""
    bench.rig.reset(bench.host)
    example = Example(bench.rig, bench.host, bench.fresh(f"example-{who}"), bench.programs[who])
    example.prepare()
    yield example


def nothing_pending(example: Example) -> Mapping[str, float]:
    """A commit that changes the backend's code."""
    return {"example-none": example.ship().seconds}


def one_pending(example: Example) -> Mapping[str, float]:
    """One that brings a column, too."""
    example.app.migration()
    return {"example-one": example.ship().seconds}


_TITLE = "deploy of the example (Django, PostGIS), its backend changed"
SCENE = Scene(
    stage,
    (
        Play(nothing_pending, (Row("example-none", f"{_TITLE}, no migration"),), OURS_ALONE),
        Play(one_pending, (Row("example-one", f"{_TITLE}, with a migration"),), OURS_ALONE),
    ),
)
