"""An application with migrations: a command that starts at once, so that what is left is the asking and applying."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.ours import Ours
from tests.bench.results import Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene

_MIGRATE = """import pathlib, sys

DONE = pathlib.Path("/state/done")
done = DONE.read_text().split() if DONE.exists() else []
pending = [name for name in {names} if name not in done]
print("\\n".join(pending))
if sys.argv[1] == "apply":
    DONE.write_text(" ".join(done + pending))
"""


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Ours]:
    """One release, its first migration applied."""
    bench.rig.reset(bench.host)
    ours = near.ours(bench, who)
    ours.app.compose["services"]["web"]["volumes"] = ["state:/state"]
    ours.app.compose["volumes"] = {"state": {}}
    commands = {name: f"python3 /migrate.py {name}" for name in ("pending", "apply")}
    ours.app.settings["release"] = {"migrations": {"service": "web", **commands}}
    dockerfile = ours.app.folder / "Dockerfile"
    dockerfile.write_text(
        dockerfile.read_text().replace("COPY server.py", "COPY migrate.py /migrate.py\nCOPY server.py")
    )
    _have(ours, "0001")
    ours.prepare()
    yield ours


def nothing_pending(ours: Ours) -> Mapping[str, float]:
    """A new commit without a new migration."""
    return {"migrations-none": ours.ship().seconds}


def one_pending(ours: Ours) -> Mapping[str, float]:
    """A new commit with one."""
    _have(ours, "0001", "0002")
    return {"migrations-one": ours.ship().seconds}


def _have(ours: Ours, *names: str) -> None:
    (ours.app.folder / "migrate.py").write_text(_MIGRATE.format(names=list(names)))


SCENE = Scene(
    stage,
    (
        Play(
            nothing_pending, (Row("migrations-none", "deploy, app with a migration command, none pending"),), OURS_ALONE
        ),
        Play(one_pending, (Row("migrations-one", "deploy, app with a migration command, one pending"),), OURS_ALONE),
    ),
)
