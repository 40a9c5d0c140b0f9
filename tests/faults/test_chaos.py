"""A few SIGKILLs at random instants; `nox -s faults -- --kills 100` is the same at length."""

import tempfile
from pathlib import Path

from tests.faults.chaos import run
from tests.rig import Rig

SEED, KILLS = 7, 6


def test_whatever_is_killed_when_the_next_deploy_succeeds_and_nothing_is_lost(rig: Rig) -> None:
    # of a short name: a socket's path has room for 108 bytes
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        report = run(rig, Path(folder), KILLS, SEED, print, apps=2)

    assert (report.problems, report.failures) == ([], [])
    assert report.requests > 0
