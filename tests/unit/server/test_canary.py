"""What the edge's access log says of a canary, and how it goes on a server."""

import json
from types import SimpleNamespace
from typing import cast

import pytest

from tagship.checks import smoke
from tagship.deploy.canary import Answers, Terms
from tagship.deploy.candidate import Candidate
from tagship.edge.state import ACCEPTED, REJECTED, WAITS
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.engine.logs import Line
from tagship.errors import EngineError, LockedError, RolloutError
from tagship.project.schema import Environment
from tagship.server import canary
from tagship.server.canary import Tally
from tagship.server.lease import Lease
from tagship.server.target import LockedServer, Server
from tests.fakes import servers
from tests.fakes.builders import PLACE, rendered


def logged(status: object, who: str = "candidate", place: str = str(PLACE)) -> str:
    """A line of the access log."""
    return json.dumps({"msg": "handled request", "status": status, "canary": f"{place}/{who}"})


@pytest.fixture
def tally(daemon: servers.Server, engine: Engine) -> Tally:
    """One whose log has nothing yet."""
    daemon.answers["GET /containers/edge/logs"] = servers.Answer()
    return Tally(engine, "edge", PLACE)


def test_it_counts_each_line_of_this_environment_once(tally: Tally) -> None:
    texts = [logged(200), logged(0), logged(502), logged(404, "live"), logged(200, place="shop-production")]
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


def go(decision: str, *counts: Answers, seconds: float = 0.01, said: list[str] | None = None) -> OneEdge:
    """A canary with these answers."""
    edge, tally = OneEdge(decision), SimpleNamespace(counts=counts or (Answers(), Answers()), command="docker logs")
    canary.run(
        cast("Edge", edge),
        "shop-staging-x",
        Terms(10, seconds),
        cast("Tally", tally),
        list,
        lambda: "  web | Traceback",
        bool if said is None else said.append,
    )
    return edge


def test_it_goes_on_when_its_time_is_over_or_when_a_person_accepts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_PAUSE", 0.001)

    assert go(WAITS).share == 10
    go(ACCEPTED, seconds=600)


def test_it_tells_from_time_to_time_how_it_goes_and_how_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_PAUSE", 0.001)
    monkeypatch.setattr(canary, "_TOLD", 0.001)
    said: list[str] = []

    go(ACCEPTED, Answers(20, 1), Answers(180, 3), seconds=600, said=said)

    assert said == ["canary 10%: 1 of 20 requests failed; live: 3 of 180; 10 min left"]


@pytest.mark.parametrize(
    ("decision", "counts", "why"),
    [
        (REJECTED, (), "was rejected"),
        ("", (), "Another deploy has ended"),
        (
            WAITS,
            (Answers(10, 5), Answers(90, 0)),
            r"fails too often: 5 of 10 requests failed, 50.0%.*\n  web \| Traceback",
        ),
    ],
)
def test_it_ends_when_the_candidate_is_worse_or_rejected(
    monkeypatch: pytest.MonkeyPatch, decision: str, counts: tuple[Answers, ...], why: str
) -> None:
    monkeypatch.setattr(canary, "_PAUSE", 0.001)

    with pytest.raises(RolloutError, match=why):
        go(decision, *counts, seconds=600)


class Waiting:
    """An edge of which a candidate waits, and what a person decides at the last moment."""

    def __init__(self, late: str = "") -> None:
        self.late = late
        self.ended = 0

    def offer(self, _release: str, _key: str) -> None:
        """Nothing else is asked."""

    def hold(self) -> None:
        """It waits."""

    def decision(self) -> str:
        """Not yet."""
        return WAITS

    def begin_canary(self, _name: str, _percent: float) -> None:
        """It waits."""

    def renew_canary(self) -> str:
        """Not yet."""
        return WAITS

    def end_hold(self, _key: str) -> str:
        """The last decision."""
        self.ended += 1
        return self.late


def target(engine: Engine, edge: Waiting, lease: object) -> Server:
    """A target whose candidate has no containers and needs no smoke test."""
    networks = {"0-tagship": {"Gateway": "10.213.0.1", "IPPrefixLen": 20}}
    settings = Environment.model_validate({"name": "staging", "app": "shop", "engine": "local", "url": "http://x"})
    environment = LockedServer(
        engine, cast("Edge", edge), settings, edge_container={"NetworkSettings": {"Networks": networks}},
        lease=cast("Lease", lease), credentials=lambda _: {},
    )  # fmt: skip
    return environment.target(Candidate(rendered()))


@pytest.fixture
def quiet(daemon: servers.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine with nothing to tell, and smoke tests that pass."""
    daemon.answers |= {
        "GET /containers/tagship-edge/logs": servers.Answer(),
        "GET /containers/json": servers.Answer(body=[]),
    }
    monkeypatch.setattr(smoke, "run", lambda *_words, **_named: None)
    monkeypatch.setattr(canary, "_PAUSE", 0.001)


class Held:
    """A lock that is held, or lost."""

    def __init__(self, *, lost: bool = False) -> None:
        self._lost = lost

    def check(self) -> None:
        """Raises LockedError if it is lost."""
        if self._lost:
            raise LockedError("lost")

    def confirm(self) -> None:
        """It was held at the beginning."""


@pytest.mark.usefixtures("quiet")
def test_a_rejection_after_the_last_look_is_obeyed(engine: Engine) -> None:
    with pytest.raises(RolloutError, match="was rejected; canary 10%: no request reached the candidate"):
        target(engine, Waiting(REJECTED), Held()).canary("shop-staging-x", Terms(10, 0.005), bool)


@pytest.mark.usefixtures("quiet")
def test_without_the_lock_what_waits_is_another_deploys_and_stays(engine: Engine) -> None:
    edge = Waiting()

    with pytest.raises(LockedError):
        target(engine, edge, Held(lost=True)).canary("shop-staging-x", Terms(10, 5), bool)
    with pytest.raises(LockedError):
        target(engine, edge, Held(lost=True)).hold("shop-staging-x", 0.005)

    assert edge.ended == 0
