"""The containers of releases on an engine."""

import dataclasses
import ipaddress
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import CheckError, EngineError
from tagship.server import observe
from tests.fakes.builders import PLACE
from tests.fakes.servers import Answer, Request, Server

RELEASE = "shop-staging-aaaaaaaa-c0ffee"
SUBNET = "10.213.0.1/29"
UPPER_HALF = ["10.213.0.4", "10.213.0.5", "10.213.0.6"]
"""The last one, 10.213.0.7, is the broadcast address."""


def container(
    service: str, state: str = "running", created: float = 1, project: str = RELEASE, restart: str = "no"
) -> Container:
    """A container, its id the service's name."""
    return Container(service, f"{project}-{service}-1", project, service, state, "", created, {}, restart)


def listed(**changed: object) -> dict[str, Any]:
    """A container as the engine lists it."""
    labels = {"com.docker.compose.project": RELEASE, "com.docker.compose.service": "web"}
    return {
        "Id": "c1",
        "Names": ["/x"],
        "Labels": labels,
        "State": "created",
        "Status": "Created",
        "Created": 5,
    } | changed


def test_a_container_is_what_the_engine_lists(daemon: Server, engine: Engine) -> None:
    networks = {"0-tagship": {"IPAMConfig": {"IPv4Address": "10.0.0.9"}}, "x": {"IPAMConfig": None}}
    daemon.answers["GET /containers/json"] = Answer(body=[listed(NetworkSettings={"Networks": networks})])

    (found,) = containers.of(engine, RELEASE)

    assert found == Container("c1", "x", RELEASE, "web", "created", "Created", 5, {"0-tagship": "10.0.0.9", "x": ""})
    assert daemon.requests[0].query["filters"] == f'{{"label": ["com.docker.compose.project={RELEASE}"]}}'


def test_a_container_of_no_compose_project_or_network_is_listed_too(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = Answer(body=[listed(Labels={"tagship.app": "x"}, NetworkSettings=None)])

    (found,) = containers.listed(engine)

    assert (found.project, found.service, found.addresses) == ("", "", {})


@pytest.mark.parametrize("state", ["running", "restarting", "paused"])
def test_what_will_run_again_runs(state: str) -> None:
    assert container("web", state).running


@pytest.mark.parametrize("state", ["created", "exited", "dead", "removing"])
def test_what_ended_does_not_run(state: str) -> None:
    assert not container("web", state).running


def test_what_stands_of_each_release_is_counted_by_service_oldest_first() -> None:
    other = "shop-staging-bbbbbbbb-c0ffee"
    found = observe.standings(
        [
            container("web", created=9, project=other),
            container("web", created=3),
            container("web", "exited", created=2),
            container("worker", "created", created=4),
        ],
        PLACE,
    )

    assert [(s.name, s.created) for s in found] == [(RELEASE, 2), (other, 9)]
    assert found[0].present == {"web": 2, "worker": 1}
    assert found[0].running == {"web": 1}


@pytest.mark.parametrize("project", ["shop-staging-accessories", "shop-stagingeu-aaaaaaaa-c0ffee", "tagship-edge", ""])
def test_what_belongs_to_others_stands_not_here(project: str) -> None:
    assert observe.standings([container("web", project=project)], PLACE) == ()


def test_an_accessory_is_as_well_as_its_worst_container_and_one_that_has_done_its_work_has_ended() -> None:
    ours = partial(container, project="shop-staging-accessories")
    done = dataclasses.replace(ours("init", "exited"), status="Exited (0) 2 days ago")
    everyone = [ours("db"), ours("db", "exited"), ours("db"), done, container("web"), container("db", project="other")]

    assert observe.accessories(everyone, PLACE) == {"db": "exited", "init": "ended"}


def test_a_fixed_address_is_one_the_engine_hands_to_nobody() -> None:
    chosen = {containers.choose_address(f"web-{number}", SUBNET, set()) for number in range(50)}

    assert chosen == set(UPPER_HALF)


def test_an_address_that_is_taken_or_waited_for_is_not_chosen() -> None:
    wanted = containers.choose_address("web", SUBNET, set())

    assert containers.choose_address("web", SUBNET, {wanted}) in set(UPPER_HALF) - {wanted}


def test_a_container_gets_the_same_address_again() -> None:
    addresses = {containers.choose_address("web", "10.213.0.1/20", set()) for _ in range(3)}

    assert len(addresses) == 1
    assert ipaddress.ip_address(addresses.pop()) in ipaddress.ip_network("10.213.8.0/21")


def test_a_network_that_is_full_says_so() -> None:
    with pytest.raises(CheckError, match=r"Every address of 10\.213\.0\.1/29 is taken"):
        containers.choose_address("web", SUBNET, set(UPPER_HALF))


@pytest.mark.parametrize(("address", "config"), [("10.0.0.9", {"IPAMConfig": {"IPv4Address": "10.0.0.9"}}), ("", {})])
def test_a_release_answers_to_no_name_on_networks_it_shares(
    daemon: Server, engine: Engine, address: str, config: dict[str, Any]
) -> None:
    daemon.answers["POST /networks/0-tagship/connect"] = Answer()

    containers.connect(engine, container("web"), "0-tagship", address)

    assert daemon.requests[0].json() == {"Container": "web", "EndpointConfig": {"Aliases": [], **config}}


def test_removing_takes_the_containers_and_then_the_network(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": Answer(body=[listed(Id="c1"), listed(Id="c2")]),
        "DELETE /containers/c1": Answer(204),
        f"DELETE /networks/{RELEASE}": Answer(204),
    }

    containers.remove(engine, RELEASE)  # somebody else removed c2 by now

    asked = [f"{request.method} {request.path}" for request in daemon.requests]
    assert set(asked[1:3]) == {"DELETE /containers/c1", "DELETE /containers/c2"}
    assert asked[3] == f"DELETE /networks/{RELEASE}"


@pytest.mark.parametrize(("one_offs", "removed"), [(False, 0), (True, 2)])
def test_a_migration_that_runs_is_left_with_its_network_unless_it_is_known_to_be_none(
    daemon: Server, engine: Engine, *, one_offs: bool, removed: int
) -> None:
    one_off = listed(Id="c1", State="running")
    one_off["Labels"] = {**one_off["Labels"], "com.docker.compose.oneoff": "True"}
    daemon.answers |= {
        "GET /containers/json": Answer(body=[one_off]),
        "DELETE /containers/c1": Answer(204),
        f"DELETE /networks/{RELEASE}": Answer(204),
    }

    containers.remove(engine, RELEASE, one_offs=one_offs)

    assert len([request for request in daemon.requests if request.method == "DELETE"]) == removed


def test_what_can_not_be_removed_is_an_error(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": Answer(body=[]),
        f"DELETE /networks/{RELEASE}": Answer(403, {"message": "network has active endpoints"}),
    }

    with pytest.raises(EngineError, match="active endpoints"):
        containers.remove(engine, RELEASE)


@pytest.mark.parametrize(("status", "fails"), [(204, False), (404, False), (409, False), (500, True)])
def test_an_unstarted_one_off_goes_unless_it_is_gone_or_started_at_that_moment(
    daemon: Server, engine: Engine, status: int, *, fails: bool
) -> None:
    left = dataclasses.replace(container("web", "created"), one_off=True)
    stay = [container("worker", "created"), dataclasses.replace(left, id="hers", run_by="ann")]
    daemon.answers["DELETE /containers/web"] = Answer(status, None if status == 204 else {"message": "no"})

    with pytest.raises(EngineError) if fails else nullcontext():
        containers.remove_unstarted(engine, [left, *stay])

    assert [request.path for request in daemon.requests] == ["/containers/web"]


@pytest.mark.parametrize(("within", "query"), [(None, {}), (0, {"t": "0"})])
def test_stopping_gives_each_its_own_grace_unless_told_otherwise(
    daemon: Server, engine: Engine, within: int | None, query: dict[str, str]
) -> None:
    daemon.answers["POST /containers/web/stop"] = Answer(304)  # it ended by itself

    containers.stop(engine, [container("web")], within)

    assert daemon.requests[0].query == query


def policies(daemon: Server) -> dict[str, str]:
    """The restart policy that each container was given, by its id."""
    changes = [request for request in daemon.requests if request.path.endswith("/update")]
    return {request.path.split("/")[2]: request.json()["RestartPolicy"]["Name"] for request in changes}


def test_what_runs_comes_back_with_its_engine_and_what_is_stopped_stays_down(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        f"POST /containers/{service}/{call}": Answer(204)
        for service in ("web", "seed")
        for call in ("start", "stop", "update")
    }
    both = [container("web", restart="always"), container("seed", restart="no")]

    containers.start(engine, both)
    assert policies(daemon) == {"web": "always"}

    containers.stop(engine, both)
    assert policies(daemon) == {"web": "no"}
    assert {len(daemon.asked(f"POST /containers/{c.id}/{call}")) for c in both for call in ("start", "stop")} == {1}


@pytest.mark.parametrize(
    ("made_with", "started", "stopped"), [("unless-stopped", "always", "unless-stopped"), ("no", None, None)]
)
def test_a_container_without_our_label_is_told_by_the_policy_it_was_made_with(
    daemon: Server, engine: Engine, made_with: str, started: str | None, stopped: str | None
) -> None:
    daemon.answers |= {f"POST /containers/web/{call}": Answer(204) for call in ("start", "stop", "update")}
    daemon.answers["GET /containers/web/json"] = Answer(body={"HostConfig": {"RestartPolicy": {"Name": made_with}}})
    older = [container("web", restart="")]

    containers.start(engine, older)
    assert policies(daemon).get("web") == started

    containers.stop(engine, older)
    assert policies(daemon).get("web") == stopped


def test_a_policy_that_could_not_be_changed_while_the_container_ended_is_changed_afterwards(
    daemon: Server, engine: Engine
) -> None:
    refusal = Answer(500, {"message": "cannot update a stopped container: unknown"})
    daemon.answers |= {"POST /containers/web/stop": Answer(204), "POST /containers/web/update": [refusal, Answer()]}

    containers.stop(engine, [container("web", restart="always")])

    assert len(daemon.asked("POST /containers/web/update")) == 2


def test_a_policy_is_changed_although_the_container_crashes_at_its_start_and_again(
    daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_PAUSES", (0.001, 0.001, 0.001))
    refusal = Answer(500, {"message": "cannot update a stopped container: unknown"})
    daemon.answers["POST /containers/web/start"] = Answer(204)
    daemon.answers["POST /containers/web/update"] = [refusal, refusal, refusal, Answer()]

    containers.start(engine, [container("web", restart="always")])

    assert len(daemon.asked("POST /containers/web/update")) == 4


def test_a_policy_that_the_engine_always_refuses_is_an_error(
    daemon: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_PAUSES", (0.001,))
    daemon.answers |= {
        "POST /containers/web/start": Answer(204),
        "POST /containers/web/update": Answer(500, {"message": "no such policy"}),
    }

    with pytest.raises(EngineError, match="no such policy"):
        containers.start(engine, [container("web", restart="always")])


def test_what_is_gone_need_not_be_kept_from_coming_back(daemon: Server, engine: Engine) -> None:
    containers.stop(engine, [container("web", restart="always"), container("worker", restart="")])

    assert daemon.asked("POST /containers/web/update")


def frame(stream: int, text: bytes) -> bytes:
    """Output as the engine multiplexes it."""
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (frame(1, b"out\n") + frame(2, b"err\n"), "out\nerr"),
        (frame(1, b"caf\xc3") + frame(1, b"\xa9\n"), "café"),
        (frame(2, b"\xff\n"), "\N{REPLACEMENT CHARACTER}"),
        (frame(1, b"whole") + frame(1, b"cut off")[:-3], "wholecut"),
        (b"\1\0\0", ""),
        (b"", ""),
    ],
)
def test_last_words_are_both_streams_in_the_order_they_were_said(
    daemon: Server, engine: Engine, raw: bytes, said: str
) -> None:
    daemon.answers["GET /containers/c1/logs"] = Answer(body=raw)

    assert containers.last_words(engine, "c1", until="5.0").startswith(said)
    assert daemon.requests[0].query["until"] == "5.0"


def test_last_words_are_of_the_last_run_alone(daemon: Server, engine: Engine) -> None:
    """An engine that starts a container again and again has it say the same again and again."""
    began = {"State": {"StartedAt": "2026-11-24T20:00:00.123456789Z"}}

    def said(request: Request) -> Answer:
        return Answer(body=frame(2, b"once\n") * (1 if request.query["since"] == "1795550400.123456" else 3))

    daemon.answers |= {"GET /containers/c1/json": Answer(body=began), "GET /containers/c1/logs": said}

    assert containers.last_words(engine, "c1") == "once"


def test_a_container_that_said_nothing_yet_has_the_words_of_the_run_before(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/c1/json": Answer(body={"State": {"StartedAt": ""}}),
        "GET /containers/c1/logs": [Answer(), Answer(body=frame(2, b"before\n"))],
    }

    assert containers.last_words(engine, "c1") == "before"
