"""`status` and `history`."""

import dataclasses
import json

import pytest

from tests.unit.builders import entry, rendered
from tests.unit.commands.conftest import Reach, Run
from tests.unit.locks import OTHER, Locks
from tests.unit.servers import Answer, Server

OLD, NEW = rendered("a"), rendered("b")


@pytest.fixture
def deployed(reach: Reach, daemon: Server) -> Reach:
    """Two releases were; one of the live one's two containers runs, and somebody is deploying."""
    reach.add(entry(OLD))
    reach.add(dataclasses.replace(entry(NEW, OLD.name), by="me", seconds=2.5))
    reach.live = NEW.name
    labels = {"com.docker.compose.project": NEW.name, "com.docker.compose.service": "web"}
    container = {"Id": "c", "Names": ["/c"], "Labels": labels, "State": "running", "Status": "Up", "Created": 1}
    daemon.answers["GET /containers/json"] = Answer(body=[container, container | {"State": "exited"}])
    Locks(daemon, reach.engine).hold(OTHER)
    return reach


@pytest.mark.usefixtures("deployed")
def test_status_shows_what_runs_where_and_an_environment_out_of_reach(run: Run) -> None:
    head, _, staging, production = run("status").out.splitlines()

    assert head.split() == ["environment", "live", "since", "by", "containers", "lock"]
    assert staging.split()[:4] == ["staging", NEW.name, "2026-01-01T00:00:00+00:00", "me"]
    assert "1 of 2 running  ci for 3" in staging
    assert production == "production   unreachable: SSH failed."


@pytest.mark.usefixtures("deployed")
def test_status_of_one_environment_as_json(run: Run) -> None:
    (row,) = json.loads(run("status", "--env", "staging", "--json").out)

    assert (row["environment"], row["live"], row["containers"]) == ("staging", NEW.name, "1 of 2 running")


@pytest.mark.parametrize("edge", [True, False])
def test_status_where_nothing_was_deployed_yet(run: Run, reach: Reach, *, edge: bool) -> None:
    reach.edge = edge

    assert "nothing yet" in run("status", "--env", "staging").out


@pytest.mark.usefixtures("deployed")
def test_history_is_the_ledger_newest_last(run: Run) -> None:
    lines = run("history", "--env", "staging").out.splitlines()

    assert [line.split()[2] for line in lines[2:]] == [OLD.name, NEW.name]
    assert "ok" in lines[-1]
    assert "2.5 s" in lines[-1]


@pytest.mark.usefixtures("deployed")
def test_history_as_json_is_as_long_as_it_is_told(run: Run) -> None:
    (last,) = json.loads(run("history", "--env", "staging", "--limit", "1", "--json").out)

    assert (last["release"], last["previous"]) == (NEW.name, OLD.name)


@pytest.mark.usefixtures("reach")
def test_history_where_nothing_was_deployed_yet(run: Run) -> None:
    assert run("history", "--env", "staging").out == "Nothing was deployed to staging yet.\n"


@pytest.mark.usefixtures("reach")
def test_accessories_where_there_are_none(run: Run) -> None:
    assert "accessories.up --env staging" in run("accessories.status", "--env", "staging").out
    assert json.loads(run("accessories.status", "--env", "staging", "--json").out) == []
