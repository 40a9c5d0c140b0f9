"""An environment on a real server where it is not as the fake; what they have in common is in tests/contract."""

import base64
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from tagship.deploy.candidate import Candidate
from tagship.deploy.observed import Migrated
from tagship.engine.client import Engine
from tagship.errors import CheckError, MigrationError, RolloutError
from tagship.project.schema import Environment
from tagship.release.model import Rendered, Route
from tagship.server.lease import Lease
from tagship.server.target import LockedServer, Server
from tagship.server.traffic import Edge
from tests.fakes import servers
from tests.fakes.builders import MIGRATIONS, WEB, image, rendered
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
        return self.requests + 1


def server(
    engine: Engine, edge: Busy | None = None, secrets: Mapping[str, str] | None = None, **settings: object
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
    return environment.target(Candidate(RELEASE, secrets or {"DB": AWKWARD}))


def listed(**changed: object) -> dict[str, Any]:
    """A container of the release, as the engine lists it."""
    labels = {"com.docker.compose.project": RELEASE.name, "com.docker.compose.service": "web", "tagship.restart": "no"}
    return {"Id": "c1", "Names": ["/x"], "Labels": labels, "State": "running", "Status": "Up", "Created": 1} | changed


@pytest.fixture
def composed(daemon: servers.Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `docker-compose` that keeps what it is told, then does what the file named after its last word does."""
    daemon.answers["GET /images/json"] = Answer(body=[])
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    plugin = tmp_path / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir()
    keep = f'printf "%s\\n" "$@" >> {tmp_path}/argv; tee {tmp_path}/stdin >> {tmp_path}/models'
    plugin.write_text(f'#!/bin/sh\n{keep}; for last; do :; done; . "{tmp_path}/$last"\n')
    plugin.chmod(0o755)
    return tmp_path


def commands(folder: Path, **scripts: str) -> None:
    """What migration commands do."""
    for name, script in scripts.items():
        (folder / name).write_text(f"{script}\n")


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


def test_migrates_what_is_pending_and_looks_again(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"cat {composed}/pending", apply=f"mv {composed}/none {composed}/pending")
    (composed / "pending").write_text("0002_more\n")
    (composed / "none").write_text("")

    assert server(engine).migrate(RELEASE) == Migrated(("0002_more",))

    told = (composed / "argv").read_text()
    assert told.splitlines().count("run") == 3
    assert "PGOPTIONS" not in told, "it may hold a secret, and every user of a machine sees argv"
    assert (composed / "models").read_text().count("-c lock_timeout=5s") == 1


def test_looking_applies_nothing(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply="exit 1")

    assert server(engine).migrate(RELEASE, dry_run=True) == Migrated(("0002_more",))


def test_a_migration_that_changed_nothing_is_a_failure(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply="true")

    with pytest.raises(MigrationError, match="Still pending after migrating: 0002_more") as caught:
        server(engine).migrate(RELEASE)

    assert "SQLite" in caught.value.hint


def test_a_migration_that_changed_something_else_is_not_said_to_be_lost(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"cat {composed}/pending", apply=f"echo 0003_last > {composed}/pending")
    (composed / "pending").write_text("0002_more\n")

    with pytest.raises(MigrationError, match="Still pending after migrating: 0003_last") as caught:
        server(engine).migrate(RELEASE)

    assert not caught.value.hint


def test_a_migration_that_fails_says_why_and_shows_no_secret(engine: Engine, composed: Path) -> None:
    commands(composed, show="echo 0002_more", apply=f"cat {composed}/stdin >&2; echo no such column >&2; exit 1")

    with pytest.raises(MigrationError, match="no such column") as caught:
        server(engine).migrate(RELEASE)

    assert "⟦DB⟧" in caught.value.problem
    for part in ('p"a', "w0rd", "a$s"):
        assert part not in f"{caught.value} {caught.value!r}"


def test_secrets_reach_compose_by_stdin_alone(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"env > {composed}/env")

    server(engine).migrate(RELEASE)

    said = json.loads((composed / "stdin").read_text())
    assert said["services"]["web"]["environment"]["DB"] == f"pg://u:{AWKWARD.replace('$', '$$')}@db"
    assert "w0rd" not in (composed / "argv").read_text() + (composed / "env").read_text()


def test_a_secret_that_compose_takes_from_its_environment_is_there_and_no_other(engine: Engine, composed: Path) -> None:
    commands(composed, show=f"env > {composed}/env")
    model = {**RELEASE.model, "secrets": {"token": {"environment": "TOKEN"}}}
    target = server(engine, secrets={"DB": AWKWARD, "TOKEN": "t0k3n"})

    target.migrate(dataclasses.replace(RELEASE, model=model))

    environment = (composed / "env").read_text()
    assert "TOKEN=t0k3n\n" in environment
    assert "w0rd" not in environment


def test_without_migrations_nothing_is_asked(engine: Engine) -> None:
    assert server(engine).migrate(rendered("a")) == Migrated()


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


def test_drains_until_no_request_is_in_flight(engine: Engine) -> None:
    edge = Busy(3)

    server(engine, edge).drain(RELEASE.name, 60)

    assert edge.requests == -1


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


@pytest.mark.parametrize(
    ("check", "refused"),
    [({"Healthcheck": {"Test": ["CMD", "x"]}}, False), ({"Healthcheck": {"Test": ["NONE"]}}, True), ({}, True)],
)
def test_a_routed_service_that_nobody_can_tell_is_ready_is_refused(
    daemon: servers.Server, engine: Engine, composed: Path, check: dict[str, Any], *, refused: bool
) -> None:
    (composed / "--no-build").write_text("")
    daemon.answers |= {
        "GET /containers/json": Answer(body=[listed(State="created")]),
        "GET /containers/c1/json": Answer(body={"Config": check}),
    }

    if refused:
        with pytest.raises(CheckError, match="web has no healthcheck"):
            server(engine).create(RELEASE)
    else:
        server(engine).create(RELEASE)


def test_every_image_without_a_healthcheck_is_said_before_anything_is_made(
    daemon: servers.Server, engine: Engine
) -> None:
    both = rendered(services={"web": {"image": "a"}, "api": {"image": "b"}}, routes=(*WEB, Route("/api", "api", 1)))
    daemon.answers |= {
        "GET /images/a/json": Answer(body={"Config": {"Healthcheck": {"Test": ["NONE"]}}}),
        "GET /images/b/json": Answer(body={"Config": {}}),
    }

    with pytest.raises(CheckError, match="api, web has no healthcheck"):
        server(engine).prepare(both)

    assert {request.method for request in daemon.requests} == {"GET"}


def connected(daemon: servers.Server, engine: Engine, release: Rendered, *there: dict[str, Any]) -> dict[str, str]:
    """The networks that starting a release's `web` connects it to, and the address it is to have there."""
    asked: dict[str, str] = {}
    for network in ("0-tagship", "shop-staging"):

        def connect(request: servers.Request, network: str = network) -> Answer:
            asked[network] = request.json()["EndpointConfig"].get("IPAMConfig", {}).get("IPv4Address", "")
            return Answer()

        daemon.answers[f"POST /networks/{network}/connect"] = connect
    daemon.answers |= {
        "GET /containers/json": Answer(body=list(there)),
        "POST /containers/c1/start": Answer(204),
        "GET /containers/c1/json": Answer(body={"Config": {}, "State": {"Status": "running"}}),
        "GET /events": Answer(lines=[]),
    }
    server(engine).start(release, ["web"])
    return asked


def test_a_service_with_a_route_gets_a_fixed_address_on_the_edges_network(
    daemon: servers.Server, engine: Engine
) -> None:
    first = connected(daemon, engine, RELEASE, listed(State="created"))
    taken = listed(
        Id="c9", NetworkSettings={"Networks": {"0-tagship": {"IPAMConfig": {"IPv4Address": first["0-tagship"]}}}}
    )

    second = connected(daemon, engine, RELEASE, listed(State="created"), taken | {"Labels": {"tagship.app": "other"}})

    assert list(first) == ["0-tagship"]
    assert second["0-tagship"] != first["0-tagship"]


def test_a_service_that_uses_accessories_reaches_them(daemon: servers.Server, engine: Engine) -> None:
    release = rendered("a", routes=(), accessories=("db",))

    assert connected(daemon, engine, release, listed(State="created")) == {"shop-staging": ""}


def test_what_a_killed_deploy_connected_is_left_alone(daemon: servers.Server, engine: Engine) -> None:
    networks = {"0-tagship": {"IPAMConfig": {"IPv4Address": "10.213.8.9"}}}

    assert connected(daemon, engine, RELEASE, listed(State="created", NetworkSettings={"Networks": networks})) == {}
