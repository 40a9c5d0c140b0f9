"""A scene: what has to stand before some rows can be measured, for one contender at a time."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.results import BEFORE, FLOOR, NOW, Results, Row
from tests.rig import Host, Rig

OURS_ALONE = frozenset({NOW, BEFORE})


@dataclass(frozen=True)
class Bench:
    """Where it is measured, and with which programs."""

    rig: Rig
    host: Host
    folder: Path
    programs: Mapping[str, Path]
    """`now`, perhaps `before` → the folder of its programs."""
    chosen: frozenset[str]
    """Names of rows; others may be measured with them."""
    results: Results = field(default_factory=Results)

    def fresh(self, name: str) -> Path:
        """A folder that isn't there yet."""
        return next(path for number in range(1, 10**6) if not (path := self.folder / f"{name}{number}").exists())


Measure = Callable[[Any], Mapping[str, float]]
"""Takes what the scene's stage gives; returns row → value."""


@dataclass(frozen=True)
class Play:
    """Some rows that are measured together."""

    measure: Measure
    rows: tuple[Row, ...]
    contenders: frozenset[str] = frozenset({NOW, BEFORE, FLOOR})


@dataclass(frozen=True)
class Scene:
    """Plays on one stage, in their order: each leaves it as the next needs it."""

    stage: Callable[[Bench, str], AbstractContextManager[Any]]
    plays: tuple[Play, ...]

    def rows(self) -> Iterator[Row]:
        """The names of all rows."""
        for play in self.plays:
            yield from play.rows


def perform(scene: Scene, bench: Bench, who: str, number: int) -> None:
    """One round of one contender. What fails is noted, and ends nothing but itself."""
    plays = [
        play for play in scene.plays if any(row.name in bench.chosen for row in play.rows) and who in play.contenders
    ]
    if not plays:
        return
    try:
        with scene.stage(bench, who) as stage:
            for play in plays:
                _measure(play, stage, who, number, bench.results)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other rows are measured
        for play in plays:
            _note(play, who, error, bench.results)


def _measure(play: Play, stage: object, who: str, number: int, results: Results) -> None:
    try:
        measured = play.measure(stage)
    except Exception as error:  # noqa: BLE001 - the same
        _note(play, who, error, results)
        return
    for row, value in measured.items():
        results.add(row, who, number, value)
        print(f"round {number}  {who:7} {row:22} {value:8.3f}", flush=True)


def _note(play: Play, who: str, error: Exception, results: Results) -> None:
    why = (str(error) or type(error).__name__).strip()
    print(f"FAILED  {who} {', '.join(row.name for row in play.rows)}: {why}", flush=True)
    for row in play.rows:
        results.fail(row.name, who, why.splitlines()[0])
