"""What the edge's access log says of a canary, and how it goes on a server."""

import json
from types import SimpleNamespace
from typing import cast

import pytest

from tagship.deploy.canary import Answers, Terms
from tagship.edge.state import ACCEPTED, REJECTED, WAITS
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.engine.logs import Line
from tagship.errors import EngineError, RolloutError
from tagship.server import canary
from tagship.server.canary import Tally
from tests.fakes import servers
from tests.fakes.builders import PLACE


def logged(status: object, who: str = "candidate", place: str = str(PLACE)) -> str:
    """A line of the access log."""
    return json.dumps({"msg": "handled request", "status": status, "canary": f"{place}/{who}"})


@pytest.fixture
def tally(daemon: servers.Server, engine: Engine) -> Tally:
    """One whose log has nothing yet."""
    daemon.answers["GET /containers/edge/logs"] = servers.Answer()
    return Tally(engine, "edge", PLACE)


def test_it_counts_each_line_of_this_environment_once(tally: Tally) -> None:
    texts = [logged(200), logged(500), logged(502), logged(404, "live"), logged(200, place="shop-production")]
    texts += ["shop-staging/candidate", '["shop-staging/live"]', logged("x"), '{"status": 500}']
    lines = [Line(f"2026-01-01T00:00:0{at}.000000000Z", "stderr", text) for at, text in enumerate(texts)]

    for line in (*lines, *lines[:3]):  # which are read again when a connection broke
        tally.take(line)

    assert tally.counts == (Answers(3, 2), Answers(1, 0))


def test_a_log_that_cannot_be_read_is_no_good_canary(daemon: servers.Server, engine: Engine) -> None:
    daemon.answers["GET /containers/edge/logs"] = servers.Answer(status=500, body={"message": "no logs"})
    tally = Tally(engine, "edge", PLACE)
    tally.join()

    with pytest.raises(EngineError, match="no logs"):
        _ = tally.counts


class OneEdge:
    """An edge where a person decides at the second look."""

    def __init__(self, decision: str) -> None:
        self._decisions = [decision, WAITS]
        self.share = 0.0

    def begin_canary(self, _: str, percent: float) -> None:
        """Remember it."""
        self.share = percent

    def renew_canary(self) -> str:
        """The next decision."""
        return self._decisions.pop() if self._decisions else WAITS


def go(decision: str, *counts: Answers, seconds: float = 0.01) -> OneEdge:
    """A canary with these answers."""
    edge, tally = OneEdge(decision), SimpleNamespace(counts=counts or (Answers(), Answers()))
    canary.run(cast("Edge", edge), "shop-staging-x", Terms(10, seconds), cast("Tally", tally), list)
    return edge


def test_it_goes_on_when_its_time_is_over_or_when_a_person_accepts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_PAUSE", 0.001)

    assert go(WAITS).share == 10
    go(ACCEPTED, seconds=600)


@pytest.mark.parametrize(
    ("decision", "counts", "why"),
    [
        (REJECTED, (), "was rejected"),
        ("", (), "Another deploy has ended"),
        (WAITS, (Answers(10, 5), Answers(90, 0)), "fails too often: 5 of 10 requests failed, 50.0%"),
    ],
)
def test_it_ends_when_the_candidate_is_worse_or_rejected(
    monkeypatch: pytest.MonkeyPatch, decision: str, counts: tuple[Answers, ...], why: str
) -> None:
    monkeypatch.setattr(canary, "_PAUSE", 0.001)

    with pytest.raises(RolloutError, match=why):
        go(decision, *counts, seconds=600)
