"""How long the program takes until it does anything."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.results import FLOOR, NOW, Row
from tests.bench.scene import Bench, Play, Scene

_OURS = "from tagship import namespace\n"
_BARE = "from invoke import task\n\n\n@task\ndef build(c):\n    pass\n"
TIMES = 5


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[tuple[Path, Path]]:
    """A tasks.py that takes ours; for the floor one that has a task of its own and nothing else."""
    folder = bench.fresh(f"listing-{who}")
    folder.mkdir()
    (folder / "tasks.py").write_text(_BARE if who == FLOOR else _OURS)
    yield bench.programs[NOW if who == FLOOR else who] / "inv", folder


def listing(staged: tuple[Path, Path]) -> Mapping[str, float]:
    """`inv --list`: the quickest of some, the first of which reads what was never read."""
    program, folder = staged
    took = []
    for _ in range(TIMES):
        began = time.monotonic()
        subprocess.run([str(program), "--list"], cwd=folder, check=True, capture_output=True)
        took.append(time.monotonic() - began)
    return {"list": min(took)}


SCENE = Scene(stage, (Play(listing, (Row("list", "`inv --list` (floor: bare Invoke)", aim="≤ 1.3 × floor"),)),))
