"""A one-service application on a server that is near: deploy, rollback, no-op, status, a crash at start."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.floor import Floor
from tests.bench.ours import ENVIRONMENT, Ours
from tests.bench.results import FLOOR, Row
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene
from tests.hello import Hello

Contender = Ours | Floor


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Contender]:
    """A bare server with one release on it."""
    bench.rig.reset(bench.host)
    contender = floor(bench) if who == FLOOR else ours(bench, who)
    contender.prepare()
    yield contender


def floor(bench: Bench) -> Floor:
    """The script, and a repository of its own."""
    return Floor(bench.rig, bench.host, bench.fresh("floor"))


def ours(bench: Bench, who: str) -> Ours:
    """One version of Tagship, and a repository of its own."""
    app = Hello(bench.rig, bench.fresh(who), f"bench-{who}")
    engine = {"engine": bench.host.ssh_url, "url": f"http://{bench.host.address}"}
    app.settings["environments"] = {ENVIRONMENT: engine}
    return Ours(app, who, bench.programs[who])


def deploy(contender: Contender) -> Mapping[str, float]:
    """`tagship ship`: build, push, deploy."""
    return {"deploy": contender.ship().seconds}


def no_op(contender: Contender) -> Mapping[str, float]:
    """`tagship deploy` of what is live."""
    return {"no-op": contender.again().seconds}


def status(contender: Contender) -> Mapping[str, float]:
    """`tagship status` of the one environment."""
    return {"status": contender.look().seconds}


def rollback(contender: Contender) -> Mapping[str, float]:
    """To the release before, whose container stands stopped."""
    run = contender.back()
    return {"rollback": run.seconds, **({"boot": run.boot} if run.boot else {})}


def crash(contender: Ours) -> Mapping[str, float]:
    """`tagship ship` of a commit whose program ends at once, until it has said so."""
    source = contender.app.folder / "server.py"
    whole = source.read_text()
    source.write_text("raise SystemExit('no such table')\n")
    try:
        contender.app.commit()
        seconds, said = contender.failing("ship")
    finally:
        source.write_text(whole)
    assert "no such table" in said, f"the crash wasn't reported: {said}"
    return {"crash": seconds}


SCENE = Scene(
    stage,
    (
        Play(deploy, (Row("deploy", "deploy of a new commit", aim="≤ 1.25 × floor"),)),
        Play(no_op, (Row("no-op", "deploy of what is live", aim="≤ 0.5 s"),)),
        Play(status, (Row("status", "`status` of one environment", aim="≤ 0.5 s"),)),
        Play(
            rollback,
            (
                Row("rollback", "rollback"),
                Row("boot", "of it the app's boot, as the floor sees it"),
                Row("rollback-less-boot", "rollback less that boot", aim="≤ 0.7 s"),
            ),
        ),
        Play(crash, (Row("crash", "a crash at start, until it is reported"),), OURS_ALONE),
    ),
)
