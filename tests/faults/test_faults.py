"""A sample of `nox -s faults`, in which every kind occurs once, and every step of a deploy; for `nox -s e2e`."""

import tempfile
from pathlib import Path

from tests.faults.kinds import KINDS
from tests.faults.matrix import Choice, Matrix
from tests.rig import Rig

SAMPLE = Choice(commands=("deploy",), sample=True)


def test_whatever_is_done_at_a_step_when_the_next_deploy_succeeds_and_nothing_is_lost(rig: Rig) -> None:
    for host in rig.hosts:  # another test's edge would lack the ports of this one
        rig.reset(host)
    # of a short name: a socket's path has room for 108 bytes
    with tempfile.TemporaryDirectory(prefix="f-") as folder:
        matrix = Matrix(rig, Path(folder), SAMPLE, print)
        done = matrix.run()

    assert [result.line() for result in done if result.problems] == []
    assert {result.kind for result in done} == {name for name, kind in KINDS.items() if kind.sampled}
    assert {result.step for result in done} == {point.step for point in matrix.points["deploy"]}
    assert sum(result.requests for result in done) > 0
