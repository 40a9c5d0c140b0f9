"""`lock.status` and `lock.release`."""

import json

import pytest

from tests.fakes.locks import OTHER, Locks
from tests.fakes.servers import Server
from tests.unit.commands.conftest import Reach, Run


@pytest.fixture
def locks(daemon: Server, reach: Reach) -> Locks:
    """The locks of the environment within reach."""
    return Locks(daemon, reach.engine)


@pytest.mark.usefixtures("locks")
@pytest.mark.parametrize("name", ["status", "release"])
def test_nobody_may_be_deploying(run: Run, name: str) -> None:
    assert run(f"lock.{name}", "--env", "staging") == (0, "Nobody is deploying to staging.\n", "")


def test_says_who_is_deploying_and_until_when(run: Run, locks: Locks) -> None:
    locks.hold(OTHER, since=-300, expires=45)

    said = run("lock.status", "--env", "staging").out

    assert said.startswith("ci holds it for 5 min (deploy staging, https://ci.example.com/1); it expires in 4")


def test_says_that_a_dead_deploys_lock_stops_nobody(run: Run, locks: Locks) -> None:
    locks.hold(OTHER, since=-300, expires=-1)

    assert "expired: the next deploy takes over" in run("lock.status", "--env", "staging").out


def test_reports_json(run: Run, locks: Locks) -> None:
    assert json.loads(run("lock.status", "--env", "staging", "--json").out) is None

    locks.hold(OTHER)

    assert json.loads(run("lock.status", "--env", "staging", "--json").out)["holder"]["who"] == "ci"


def test_frees_a_lock_and_says_whose_it_was(run: Run, locks: Locks) -> None:
    locks.hold(OTHER)

    assert run("lock.release", "--env", "staging").out == "Freed the lock that ci held (deploy staging).\n"
    assert locks.held == {}
