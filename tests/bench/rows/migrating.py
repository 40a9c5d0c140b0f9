"""An application with migrations: a command that starts at once, so that what is left is the asking and applying."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench import schema
from tests.bench.ours import Ours
from tests.bench.results import Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Ours]:
    """One release, its first migration applied."""
    bench.rig.reset(bench.host)
    ours = near.ours(bench, who)
    schema.prepare(ours.app)
    ours.prepare()
    yield ours


def nothing_pending(ours: Ours) -> Mapping[str, float]:
    """A new commit without a new migration."""
    return {"migrations-none": ours.ship().seconds}


def one_pending(ours: Ours) -> Mapping[str, float]:
    """A new commit with one."""
    schema.need(ours.app, "0001", "0002")
    return {"migrations-one": ours.ship().seconds}


SCENE = Scene(
    stage,
    (
        Play(
            nothing_pending, (Row("migrations-none", "deploy, app with a migration command, none pending"),), OURS_ALONE
        ),
        Play(one_pending, (Row("migrations-one", "deploy, app with a migration command, one pending"),), OURS_ALONE),
    ),
)
