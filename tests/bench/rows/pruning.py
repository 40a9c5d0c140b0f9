"""How long it takes to decide which of very many backups stay."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.results import NOW, Row
from tests.bench.scene import Bench, Play, Scene

BACKUPS = 10_000
_SCRIPT = """
import sys, time
from datetime import UTC, datetime, timedelta
from tagship.backups import catalogue, manifest, retention
from tagship.backups.store import Stored
from tagship.names import Place
from tagship.project.backup_settings import Keep

now = datetime.now(UTC)
ids = [manifest.new_id(now - timedelta(hours=2 * number)) for number in range(int(sys.argv[1]))]
stored = [Stored(f"a-b/{each}/{file}", 1) for each in ids for file in ("db.age", "manifest.json")]
began = time.perf_counter()
decided = retention.decide(catalogue.backups(stored, Place("a", "b")), Keep(), now)
print(time.perf_counter() - began)
assert len(decided) == len(ids)
"""


@contextmanager
def stage(bench: Bench, who: str) -> Iterator[Path]:
    """Nothing has to stand."""
    yield bench.programs[who] / "python"


def deciding(python: Path) -> Mapping[str, float]:
    """From the names of the objects to a decision for each backup."""
    done = subprocess.run([python, "-c", _SCRIPT, str(BACKUPS)], check=True, capture_output=True, text=True)
    return {"prune-plan": float(done.stdout)}


ROW = Row("prune-plan", f"which of {BACKUPS:,} backups stay", aim="< 1 s")
SCENE = Scene(stage, (Play(deciding, (ROW,), frozenset({NOW})),))
