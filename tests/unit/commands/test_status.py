"""`status` and `history`."""

import dataclasses
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagship.edge import routes
from tagship.engine.client import Engine
from tagship.errors import CheckError
from tagship.names import Place
from tagship.project.schema import Environment
from tagship.proof import ledger
from tagship.reporting import table
from tagship.server import connection, lock
from tagship.server.lock import Lock
from tests.fakes.builders import entry, rendered
from tests.fakes.locks import OTHER, Locks
from tests.fakes.servers import Answer, Request, Server
from tests.unit.commands.conftest import CONFIG, Reach, Run

OLD, NEW = rendered("a"), rendered("b")


def container(state: str, **labels: str) -> dict[str, Any]:
    """A container of the live release, as the engine lists it."""
    ours = {"com.docker.compose.project": NEW.name, "com.docker.compose.service": "web", **labels}
    return {"Id": "c", "Names": ["/c"], "Labels": ours, "State": state, "Status": "", "Created": 1}


def by_label(edge: dict[str, Any] | None, release: dict[str, Any]) -> Callable[[Request], Answer]:
    """What the engine lists: the edge, or a release's container."""

    def answer(request: Request) -> Answer:
        return Answer(body=([edge] if edge else []) if "edge" in request.query["filters"] else [release])

    return answer


def tar(name: str, text: str) -> bytes:
    """A file as the engine hands it out."""
    buffer, entry = io.BytesIO(), tarfile.TarInfo(name)
    entry.size = len(text)
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def deployed(reach: Reach, daemon: Server) -> Reach:
    """Two releases were; one of the live one's two containers runs, and somebody is deploying."""
    reach.add(entry(OLD))
    reach.add(dataclasses.replace(entry(NEW, OLD.name), by="me", seconds=2.5))
    reach.live = NEW.name
    daemon.answers["GET /containers/json"] = Answer(body=[container("running"), container("exited")])
    Locks(daemon, reach.engine).hold(OTHER)
    return reach


@pytest.mark.usefixtures("deployed")
def test_status_shows_what_runs_where_and_an_environment_out_of_reach(run: Run) -> None:
    done = run("status")
    live, at, running, lock, production = done.out.splitlines()

    assert live == f"staging     {NEW.name}"
    assert at == "            since 2026-01-01 00:00 UTC by me"
    assert running == "            1 of 2 running; not running: web"
    assert lock.startswith("            locked by ci for ")
    assert production == "production  unreachable: SSH failed."
    assert (done.code, done.err.splitlines()[0]) == (8, "Not reached: production.")


def test_status_says_that_a_site_is_held(deployed: Reach, run: Run) -> None:
    route = {"@id": "shop-staging", "match": [{"host": ["staging.example.com"]}], "handle": [routes.maintenance()]}
    deployed.http = {"servers": {"http": {"listen": [":80"], "routes": [route]}}}

    assert "held: answers 503" in run("status", "--env", "staging").out
    assert json.loads(run("status", "--env", "staging", "--json").out)[0]["held"]


def test_status_says_that_maintenance_is_on_since_when_and_why(deployed: Reach, run: Run) -> None:
    deployed.closed = True
    assert "maintenance on; visitors get 503" in run("status", "--env", "staging").out

    deployed.add(dataclasses.replace(entry(NEW, action="maintenance", result="on"), by="ada", why="moving"))

    assert "maintenance since 2026-01-01 00:00 UTC by ada: moving; visitors" in run("status", "--env", "staging").out


def test_status_shows_a_canary_and_what_a_killed_one_left(deployed: Reach, run: Run) -> None:
    deployed.canary = ("shop-staging-cccccccc-dddddd", "199a", "on")
    assert "canary: 10% of visitors reach cccccccc-dddddd\n" in run("status", "--env", "staging").out

    deployed.canary = ("shop-staging-cccccccc-dddddd", "199a")

    assert (
        "canary: cccccccc-dddddd had one when its deploy ended; it is over, and the next deploy tidies up\n"
        in run("status", "--env", "staging").out
    )


@pytest.mark.usefixtures("deployed")
def test_status_of_one_environment_as_json(run: Run) -> None:
    (row,) = json.loads(run("status", "--env", "staging", "--json").out)

    assert (row["environment"], row["live"], row["edge"]) == ("staging", NEW.name, "running")
    assert (row["containers"], row["idle"]) == ("1 of 2 running", ["web"])


@pytest.mark.usefixtures("deployed")
def test_status_as_json_has_the_problem_of_an_environment_out_of_reach(run: Run) -> None:
    done = run("status", "--json")

    staging, production = json.loads(done.out)
    assert (staging["live"], staging["problem"]) == (NEW.name, "")
    assert (production["live"], production["problem"]) == ("", "SSH failed.")
    assert done.code == 8


@pytest.mark.usefixtures("deployed")
def test_environments_of_one_server_share_a_connection(run: Run, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / "tagship.yml").write_text(CONFIG.replace("ssh://deploy@nowhere.example", "local"))
    connected: list[str] = []
    connect = connection.connect

    def counted(settings: Environment) -> connection.Opening:
        connected.append(settings.engine)
        return connect(settings)

    monkeypatch.setattr(connection, "connect", counted)

    assert "production  " in run("status").out
    assert connected == ["local"]


@pytest.mark.usefixtures("deployed")
def test_what_is_wrong_with_one_environment_hides_no_other_of_its_server(
    run: Run, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (app / "tagship.yml").write_text(CONFIG.replace("ssh://deploy@nowhere.example", "local"))
    read, refusals = lock.read, ["Somebody has changed its files."]

    def refused(engine: Engine, place: Place) -> Lock | None:
        if refusals:
            raise CheckError(refusals.pop())
        return read(engine, place)

    monkeypatch.setattr(lock, "read", refused)

    said = run("status").out

    assert "unreachable: Somebody has changed its files." in said
    assert said.count("Somebody") == 1
    assert "locked by" in said


@pytest.mark.parametrize("edge", [True, False])
def test_status_where_nothing_was_deployed_yet(run: Run, reach: Reach, *, edge: bool) -> None:
    reach.edge = edge

    assert run("status", "--env", "staging").out == "staging  nothing yet\n"


@pytest.mark.parametrize(
    ("there", "told"),
    [([], "its containers are gone; deploy it again"), (["exited"], "stopped; the next deploy starts it")],
)
def test_status_says_that_the_live_release_is_stopped_or_gone(
    run: Run, deployed: Reach, daemon: Server, there: list[str], told: str
) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[container(state) for state in there])

    assert told in run("status", "--env", "staging").out
    assert deployed.live in run("status", "--env", "staging").out


def test_status_says_that_the_edge_is_stopped_and_which_release_was_live(
    run: Run, deployed: Reach, daemon: Server
) -> None:
    deployed.edge = False
    edge = container("exited", **{"tagship.edge": "true"}) | {"Id": "edge"}
    daemon.answers["GET /containers/json"] = by_label(edge, container("exited"))
    daemon.answers["GET /containers/edge/archive"] = Answer(body=tar("live", f"{NEW.name}\n"))

    done = run("status", "--env", "staging")

    assert done.code == 0
    assert NEW.name in done.out
    assert "the edge is stopped" in done.out
    assert "stopped; the next deploy starts it" in done.out
    assert "nothing yet" not in done.out


def test_status_says_that_the_edge_is_gone_and_what_runs(run: Run, deployed: Reach, daemon: Server) -> None:
    deployed.edge = False
    daemon.answers["GET /containers/json"] = by_label(None, container("running"))

    done = run("status", "--env", "staging")

    assert f"staging  {NEW.name}\n" in done.out
    assert "the edge is gone" in done.out


@pytest.mark.parametrize("edge", [True, False])
def test_history_that_can_not_be_read_is_not_said_to_be_empty(
    run: Run, deployed: Reach, daemon: Server, *, edge: bool
) -> None:
    deployed.edge = False
    found = container("exited", **{"tagship.edge": "true"}) if edge else None
    daemon.answers["GET /containers/json"] = by_label(found, container("running"))

    done = run("history", "--env", "staging")

    assert (done.code, "can't be read" in done.err) == (9, True)


@pytest.mark.usefixtures("deployed")
def test_history_is_the_ledger_newest_last(run: Run) -> None:
    assert run("history", "--env", "staging").out.splitlines() == [
        "when                  action  release          result  by  took",
        "────────────────────  ──────  ───────────────  ──────  ──  ─────",
        f"2026-01-01 00:00 UTC  deploy  {OLD.name[-15:]}  ok          0.0 s",
        f"2026-01-01 00:00 UTC  deploy  {NEW.name[-15:]}  ok      me  2.5 s",
    ]


@pytest.mark.usefixtures("deployed")
def test_in_a_terminal_status_and_history_are_short_and_whole_with_wide(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "width", lambda: 80)

    short, whole = run("status", "--env", "staging").out, run("status", "--env", "staging", "--wide").out

    assert short.startswith("staging  bbbbbbbb, deployed ")
    assert " ago by me" in short
    assert f"{NEW.name}\n         since 2026-01-01 00:00 UTC by me" in whole
    assert " d ago " in run("history", "--env", "staging").out
    assert NEW.name[-15:] in run("history", "--env", "staging", "--wide").out


def test_history_says_why_in_a_line_of_its_own(run: Run, reach: Reach) -> None:
    reach.add(dataclasses.replace(entry(OLD, result=ledger.SWITCHED_BACK), why="web ended with exit code 1"))

    _, _, first, why = run("history", "--env", "staging").out.splitlines()

    assert "switched back" in first
    assert why == f"{'':22}web ended with exit code 1"


@pytest.mark.usefixtures("deployed")
def test_history_as_json_is_as_long_as_it_is_told(run: Run) -> None:
    (last,) = json.loads(run("history", "--env", "staging", "--limit", "1", "--json").out)

    assert (last["release"], last["previous"]) == (NEW.name, OLD.name)


@pytest.mark.usefixtures("reach")
def test_history_where_nothing_was_deployed_yet(run: Run) -> None:
    assert run("history", "--env", "staging").out == "Nothing was deployed to staging yet.\n"


def test_a_ledger_is_verified_from_its_first_line_on(run: Run, deployed: Reach) -> None:
    assert run("history", "--env", "staging", "--verify").out.startswith("The ledger of staging is intact: 2 lines")

    deployed.ledger[0] = deployed.ledger[0].replace('"ok"', '"failed"')
    done = run("history", "--env", "staging", "--verify")

    assert done.code == 19
    assert "Line 2 (2026-01-01T00:00:00+00:00" in done.err


@pytest.mark.usefixtures("reach")
def test_accessories_where_there_are_none(run: Run) -> None:
    assert "accessories.up --env staging" in run("accessories.status", "--env", "staging").out
    assert json.loads(run("accessories.status", "--env", "staging", "--json").out) == []
