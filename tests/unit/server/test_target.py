"""Where a real server differs from the fake; what they have in common is in tests/contract."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from tagship.checks import smoke
from tagship.deploy.candidate import Candidate
from tagship.edge.state import Files
from tagship.edge.traffic import Edge
from tagship.engine.client import Engine
from tagship.errors import CheckError, RolloutError, SmokeTestError
from tagship.project.schema import Environment
from tagship.secret import Secret
from tagship.server.lease import Lease
from tagship.server.target import LockedServer, Server
from tests.fakes import servers
from tests.fakes.builders import MIGRATIONS, image, rendered
from tests.fakes.servers import Answer

AWKWARD = 'p"a$s\nw0rd'
RELEASE = rendered("a", {"web": {"environment": {"DB": "pg://u:⟦DB⟧@db"}}}, migrations=MIGRATIONS)


class Busy:
    """An edge that passes on as many requests as it says, one fewer each time it is asked."""

    def __init__(self, requests: int) -> None:
        self.requests = requests

    def requests_in_flight(self, _: str) -> int:
        """How many still are."""
        self.requests -= 1
        return max(self.requests + 1, 0)


class Unread:
    """An edge whose volume holds nothing of the environment."""

    def read(self, *, prepare: bool = False) -> Files:
        """What a first deploy finds."""
        assert prepare
        return Files("", b"", b"key", (), 10**12, 10**12, "v2.11.4")


def server(
    engine: Engine, edge: Busy | None = None, secrets: Mapping[str, Secret] | None = None, **settings: object
) -> Server:
    """The environment, its secret known."""
    environment = LockedServer(
        engine,
        cast("Edge", edge),
        Environment.model_validate({
            "name": "staging", "app": "shop", "engine": "local", "url": "http://127.0.0.1:1", "smoke-within": 0,
            **settings,
        }),
        edge_container={"NetworkSettings": {"Networks": {"0-tagship": {"Gateway": "10.213.0.1", "IPPrefixLen": 20}}}},
        lease=cast("Lease", None),
        credentials=lambda host: {"username": "u", "serveraddress": host},
    )  # fmt: skip
    return environment.target(Candidate(RELEASE, secrets or {"DB": Secret(AWKWARD)}))


def listed(**changed: object) -> dict[str, Any]:
    """A container of the release, as the engine lists it."""
    labels = {"com.docker.compose.project": RELEASE.name, "com.docker.compose.service": "web", "tagship.restart": "no"}
    return {"Id": "c1", "Names": ["/x"], "Labels": labels, "State": "running", "Status": "Up", "Created": 1} | changed


def test_pulls_only_what_is_not_there(daemon: servers.Server, engine: Engine) -> None:
    there, id_here, elsewhere = image("web", "1"), "sha256:2", "sha256:3"
    daemon.answers |= {
        "GET /images/json": Answer(body=[{"RepoDigests": [there], "Id": id_here}, {"RepoDigests": None, "Id": "x"}]),
        "POST /images/create": Answer(lines=[]),
    }

    server(engine).pull([there, id_here, elsewhere, image("api", "4")])

    (pulled,) = daemon.asked("POST /images/create")
    assert pulled.query == {"fromImage": "registry.example/shop/api", "tag": f"sha256:{'4' * 64}"}
    signed = json.loads(base64.urlsafe_b64decode(pulled.headers["X-Registry-Auth"]))
    assert signed == {"username": "u", "serveraddress": "registry.example"}


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"State": "exited", "Status": "Exited (1) 3 seconds ago"}, "web is Exited (1) 3 seconds ago while baking"),
        ({"State": "restarting", "Status": "Restarting (1)"}, "web is Restarting (1) while baking"),
        ({"Status": "Up 3 seconds (unhealthy)"}, "web is Up 3 seconds (unhealthy) while baking"),
    ],
)
def test_a_container_that_fails_while_baking_is_noticed_with_its_last_words(
    daemon: servers.Server, engine: Engine, container: Mapping[str, str], said: str
) -> None:
    words = f"{AWKWARD} is wrong".encode()
    daemon.answers |= {
        "GET /containers/json": Answer(body=[listed(**container)]),
        "GET /containers/c1/json": Answer(body={"State": {}}),
        "GET /containers/c1/logs": Answer(body=b"\1\0\0\0" + len(words).to_bytes(4, "big") + words),
    }

    with pytest.raises(RolloutError) as caught:
        server(engine).bake(RELEASE.name, 0.001, bool)

    assert caught.value.problem == f"{said}:\n⟦DB⟧ is wrong"


def test_a_container_that_crashes_and_runs_again_while_baking_is_noticed(
    daemon: servers.Server, engine: Engine
) -> None:
    counts = iter((2, 3))
    daemon.answers |= {
        "GET /containers/json": Answer(body=[listed()]),
        "GET /containers/c1/json": lambda _: Answer(body={"State": {}, "RestartCount": next(counts, 3)}),
        "GET /containers/c1/logs": Answer(body=b""),
    }

    with pytest.raises(RolloutError, match="web crashed and was restarted while baking"):
        server(engine).bake(RELEASE.name, 0.001, bool)


def test_a_finished_one_shot_does_not_fail_the_bake(
    daemon: servers.Server, engine: Engine, web: servers.Server
) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[listed(State="exited", Status="Exited (0) 3 seconds ago")])
    web.answers["GET /"] = Answer(headers={"X-Tagship-Release": f"{RELEASE.name}-web-1"})

    server(engine, url=f"http://localhost:{web.port}").bake(RELEASE.name, 0.001, bool)

    assert len(web.requests) == 1


def test_somebody_may_look_on_while_a_release_bakes_and_knows_when_it_is_the_last_time(
    daemon: servers.Server, engine: Engine, web: servers.Server
) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[])
    web.answers["GET /"] = Answer(headers={"X-Tagship-Release": f"{RELEASE.name}-web-1"})
    baking = server(engine, url=f"http://localhost:{web.port}")
    looks: list[bool] = []

    baking.bake(RELEASE.name, 0.001, looks.append)

    assert looks == [True]


def test_a_network_that_was_removed_counts_no_longer_as_there(daemon: servers.Server, engine: Engine) -> None:
    network = {"Name": RELEASE.name, "Id": "n1"}
    daemon.answers |= {
        "GET /containers/json": Answer(body=[]),
        "GET /networks": Answer(body=[network]),
        "GET /images/json": Answer(body=[]),
        f"DELETE /networks/{RELEASE.name}": Answer(204),
    }
    target = server(engine, cast("Busy", Unread()))
    target.observe()
    there = target._environment  # noqa: SLF001 - what `prepare` goes by
    assert [found["Name"] for found in there.networks] == [RELEASE.name]

    target.remove(RELEASE.name)

    assert list(there.networks) == []


def test_drains_until_no_request_is_in_flight(engine: Engine) -> None:
    edge = Busy(3)

    server(engine, edge).drain(RELEASE.name, 60)

    assert edge.requests == -1


def test_drains_until_nothing_was_in_flight_for_a_while(engine: Engine) -> None:
    edge = Busy(1)

    server(engine, edge).drain(RELEASE.name, 60, 0.12)

    assert edge.requests <= -2


def test_an_edge_that_cannot_tell_is_asked_for_connections(daemon: servers.Server, engine: Engine) -> None:
    networks = {"0-tagship": {"IPAMConfig": {"IPv4Address": "10.213.8.9"}}}
    daemon.answers["GET /containers/json"] = Answer(body=[listed(NetworkSettings={"Networks": networks})])

    class Older:
        asked: ClassVar[list[list[str]]] = []

        def requests_in_flight(self, _: str) -> None: ...

        def connections(self, addresses: list[str]) -> int:
            self.asked.append(addresses)
            return 2 - len(self.asked)

    server(engine, cast("Busy", Older())).drain(RELEASE.name, 60)

    assert Older.asked == [["10.213.8.9"]] * 2


def test_what_outlasts_the_drain_is_not_waited_for(engine: Engine) -> None:
    edge = Busy(1_000_000)

    server(engine, edge).drain(RELEASE.name, 0)

    assert edge.requests == 999_999


def test_an_image_without_a_healthcheck_is_refused_before_anything_is_made(
    daemon: servers.Server, engine: Engine
) -> None:
    release = rendered(services={"web": {"image": "a"}})
    daemon.answers |= {"GET /images/a/json": Answer(body={"Config": {}}), "GET /version": Answer(body={})}

    with pytest.raises(CheckError, match="web has no healthcheck"):
        server(engine).prepare(release)

    assert {request.method for request in daemon.requests} == {"GET"}


def test_a_container_without_a_healthcheck_is_refused_before_a_migration(
    daemon: servers.Server, engine: Engine, composed: Path
) -> None:
    (composed / "--no-build").write_text("")
    daemon.answers |= {
        "GET /containers/json": Answer(body=[listed(State="created")]),
        "GET /containers/c1/json": Answer(body={"Config": {}}),
    }

    with pytest.raises(CheckError, match="web has no healthcheck"):
        server(engine).create(RELEASE)


def test_containers_join_the_edges_network_before_they_start(daemon: servers.Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": Answer(body=[listed(State="created")]),
        "POST /networks/0-tagship/connect": Answer(),
        "POST /containers/c1/start": Answer(204),
        "GET /containers/c1/json": Answer(body={"Config": {}, "State": {"Status": "running"}}),
        "GET /events": Answer(lines=[]),
    }

    server(engine).start(RELEASE, ["web"])

    changes = [request.path for request in daemon.requests if request.method == "POST"]
    assert changes.index("/networks/0-tagship/connect") < changes.index("/containers/c1/start")


def test_a_one_off_that_a_killed_deploy_left_is_not_taken_for_a_container_of_the_service(
    daemon: servers.Server, engine: Engine
) -> None:
    one_off = listed(Id="o1", State="running")
    one_off["Labels"] = {**one_off["Labels"], "com.docker.compose.oneoff": "True"}
    daemon.answers |= {
        "GET /containers/json": Answer(body=[one_off, listed(State="created")]),
        "POST /networks/0-tagship/connect": Answer(),
        "POST /containers/c1/start": Answer(204),
        "GET /containers/c1/json": Answer(body={"Config": {}, "State": {"Status": "running"}}),
        "GET /events": Answer(lines=[]),
    }

    server(engine).start(RELEASE, ["web"])

    assert [request.path for request in daemon.requests if "o1" in request.path] == []


class Closed:
    """An edge whose switch for maintenance is on, which nobody read before."""

    closed = True

    def __init__(self) -> None:
        self.offered: list[tuple[str, str]] = []

    def offer(self, release: str, key: str) -> None:
        """Let requests with this key reach the release."""
        self.offered.append((release, key))


def test_a_site_closed_while_it_is_deployed_is_tested_with_the_key_that_visitors_lack(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Mapping[str, str]] = []

    def run(*_: object, headers: Mapping[str, str], **__: object) -> None:
        sent.append(headers)
        if not headers:
            raise SmokeTestError("status 503")

    monkeypatch.setattr(smoke, "run", run)
    edge = Closed()
    target = server(engine, cast("Busy", edge))

    target.smoke_test(RELEASE.name, candidate=False)
    target.smoke_test(RELEASE.name, candidate=False)

    ((release, key),) = edge.offered
    assert release == RELEASE.name
    assert sent == [{}, {"X-Tagship-Candidate": key}, {"X-Tagship-Candidate": key}]
