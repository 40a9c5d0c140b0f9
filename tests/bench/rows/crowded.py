"""Rows with a history: other containers on the engine, kept releases, a long ledger."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.bench.ours import ENVIRONMENT, Ours
from tests.bench.results import Row
from tests.bench.rows import near
from tests.bench.scene import OURS_ALONE, Bench, Play, Scene

RELEASES = 6
CONTAINERS = 20
LINES = 10_000
_FILL = 'yes "$(head -n 1 "$1")" | head -n "$2" > "$1.new"; cat "$1" >> "$1.new"; mv "$1.new" "$1"'


@contextmanager
def crowded(bench: Bench, who: str) -> Iterator[Ours]:
    """An engine with stopped releases of the app and containers of nobody we know."""
    with near.stage(bench, who) as ours:
        assert isinstance(ours, Ours)
        other = [
            "run",
            "--detach",
            "--entrypoint",
            "sleep",
            "--stop-timeout",
            "0",
            bench.rig.image("caddy"),
            "infinity",
        ]
        for _ in range(CONTAINERS):
            bench.host.docker(*other)
        for _ in range(RELEASES - 1):
            ours.ship()
        yield ours


@contextmanager
def old(bench: Bench, who: str) -> Iterator[Ours]:
    """An environment whose ledger has grown long."""
    with near.stage(bench, who) as ours:
        assert isinstance(ours, Ours)
        file = f"/tagship/{ours.app.name}-{ENVIRONMENT}/ledger.jsonl"
        bench.host.docker("exec", "tagship-edge", "sh", "-c", _FILL, "sh", file, str(LINES))
        yield ours


def in_crowd(ours: Ours) -> Mapping[str, float]:
    """The three commands on a crowded engine."""
    return {
        "crowded-deploy": ours.ship().seconds,
        "crowded-status": ours.look().seconds,
        "crowded-rollback": ours.back().seconds,
    }


def long_ledger(ours: Ours) -> Mapping[str, float]:
    """Two commands that read the ledger."""
    return {"ledger-status": ours.look().seconds, "ledger-deploy": ours.ship().seconds}


_CROWD = "engine with 5 stopped releases and 20 other containers"
_LEDGER = "ledger of 10,000 lines"
SCENES = (
    Scene(
        old,
        (
            Play(
                long_ledger,
                (Row("ledger-status", f"`status`, {_LEDGER}"), Row("ledger-deploy", f"deploy, {_LEDGER}")),
                OURS_ALONE,
            ),
        ),
    ),
    Scene(
        crowded,
        (
            Play(
                in_crowd,
                (
                    Row("crowded-deploy", f"deploy, {_CROWD}"),
                    Row("crowded-status", f"`status`, {_CROWD}"),
                    Row("crowded-rollback", f"rollback, {_CROWD}"),
                ),
                OURS_ALONE,
            ),
        ),
    ),
)
