"""`ps` and `restart`, up to what they would do."""

from typing import Any

import pytest

from tagship.edge import routes, sites
from tagship.names import Place
from tagship.release.model import Route, Served
from tests.fakes.servers import Answer, Server
from tests.unit.commands.conftest import Reach, Run
from tests.unit.commands.test_logs import LIVE, OLD, listed

STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 150}, "system_cpu_usage": 3000, "online_cpus": 2},
    "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
    "memory_stats": {"usage": 50_000_000},
}


def inspected(status: str = "running", memory: int = 0, **state: object) -> dict[str, Any]:
    """What the engine says of a container."""
    known = {"Status": status, "StartedAt": "2020-01-01T10:00:00.000000001Z", "ExitCode": 0}
    return {"State": known | state, "RestartCount": 3, "HostConfig": {"Memory": memory}}


@pytest.fixture(autouse=True)
def _there(daemon: Server, reach: Reach) -> None:
    reach.live = LIVE
    one_off = listed(LIVE, "web-run", labels={"com.docker.compose.oneoff": "True", "tagship.run-by": "ann"})
    daemon.answers["GET /containers/json"] = Answer(
        body=[
            one_off,
            listed(LIVE, "web"),
            listed(LIVE, "worker"),
            listed("shop-staging-accessories", "db"),
            listed(OLD, "web"),
        ]
    )
    for name, found in {
        "bbbbbbbb-web-1": inspected(memory=10**8, Health={"Status": "unhealthy"}),
        "bbbbbbbb-worker-1": inspected("exited", ExitCode=137, OOMKilled=True),
        "bbbbbbbb-web-run-1": inspected(),
        "accessor-db-1": inspected(),
        "aaaaaaaa-web-1": inspected("exited"),
    }.items():
        daemon.answers[f"GET /containers/{name}/json"] = Answer(body=found)
        daemon.answers[f"GET /containers/{name}/stats"] = Answer(body=STATS)


def test_shows_health_memory_and_why_a_container_ended(run: Run) -> None:
    lines = run("ps", "--env", "staging").out.splitlines()[2:]

    assert [line.split()[0] for line in lines] == ["web-1", "worker-1", "db-1", "web-run-1"]
    assert "50.0 MB of 100.0 MB" in lines[0]
    assert lines[0].endswith("unhealthy")
    assert lines[1].endswith("exited (137, out of memory)")
    assert lines[3].endswith("started by ann")


def test_past_releases_are_shown_where_all_are(run: Run) -> None:
    lines = run("ps", "--env", "staging", "--all").out.splitlines()[2:]

    assert [line.split(", ")[-1] for line in lines if line.startswith("web-1")] == ["live", OLD]


def test_a_container_that_is_removed_meanwhile_is_left_out(run: Run, daemon: Server) -> None:
    del daemon.answers["GET /containers/accessor-db-1/json"]

    assert "db-1" not in run("ps", "--env", "staging").out


def test_an_accessory_is_restarted_by_its_own_task(run: Run) -> None:
    ran = run("restart", "--env", "staging", "--service", "web,db")

    assert ran.code == 9
    assert "db is an accessory.\n  hint: use tagship accessories.restart" in ran.err


def test_a_container_leaves_the_routes_and_the_others_stay() -> None:
    served = Served((Route("/*", "web", 80), Route("/api/*", "api", 80)), (("web", 2), ("api", 2)))
    site = routes.site(Place("shop", "staging"), ["https://shop.example"], served, served)

    reduced = str(sites.without(site, "web-2"))

    assert (
        str(site)
        .replace(", {'dial': '{file./tagship/shop-staging/live}-web-2{file./tagship/shop-staging/pool}:80'}", "")
        .replace(", {'dial': '{file./tagship/shop-staging/candidate}-web-2{file./tagship/shop-staging/pool}:80'}", "")
        == reduced
    )
    assert "-api-2{" in reduced


def test_a_container_leaves_routes_of_an_older_version_which_name_no_pool() -> None:
    dials = [{"dial": f"{{file./tagship/shop-staging/live}}-web-{number}:80"} for number in (1, 2)]

    reduced = sites.without({"http": [{"handle": [{"upstreams": dials}]}]}, "web-2")

    assert reduced == {"http": [{"handle": [{"upstreams": dials[:1]}]}]}


@pytest.mark.parametrize("number", ["web", "web=0", "web=x", "web=21", "=2"])
def test_scale_needs_a_number(run: Run, number: str) -> None:
    ran = run("scale", "--env", "staging", "--service", number)

    assert ran.code == 64
    assert "give NAME=NUMBER" in ran.err
