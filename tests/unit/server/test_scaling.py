"""One more container of a service, or one in the place of another."""

from dataclasses import replace
from typing import Any

import pytest

from tagship.errors import CheckError
from tagship.names import Version
from tagship.release.model import Release, Rendered, Route, Shape, Sources
from tagship.server import observe, replicas, scaling
from tests.fakes.builders import PLACE
from tests.unit.engine.test_containers import container
from tests.unit.server.test_one_off import FOUND

PROJECT = "shop-staging-aaaaaaaa-c0ffee"
ONE: dict[str, Any] = {
    **FOUND,
    "Id": "0123456789abcdef",
    "Name": f"/{PROJECT}-web-1",
    "NetworkSettings": {"Networks": {PROJECT: {"Aliases": [f"{PROJECT}-web-1", "web", "0123456789ab"]}}},
}


def rendered(**shape: tuple[object, ...]) -> Rendered:
    """A release of one service."""
    return Rendered(PROJECT, Release(Version("a" * 40), {}, Sources({}), Shape(("web",), **shape)), {})  # type: ignore[arg-type]


def test_it_is_the_same_but_for_its_number_and_names() -> None:
    wanted = replicas.wanted_replica(ONE, PROJECT, 3)

    assert wanted["Cmd"] == ["serve"]
    assert wanted["Labels"]["com.docker.compose.container-number"] == "3"
    assert wanted["Labels"]["com.docker.compose.oneoff"] == "False"
    assert wanted["NetworkingConfig"] == {"EndpointsConfig": {PROJECT: {"Aliases": ["web"]}}}
    assert "Hostname" not in wanted


def test_it_restarts_with_the_engine_only_when_it_has_started() -> None:
    assert replicas.wanted_replica(ONE, PROJECT, 3)["HostConfig"]["RestartPolicy"] == {"Name": "no"}


def test_a_singleton_stays_alone() -> None:
    with pytest.raises(CheckError, match="is a singleton"):
        scaling.refuse(rendered(singletons=("web",)), "web", 2, {"HostConfig": {}})


def test_a_published_port_has_one_container() -> None:
    with pytest.raises(CheckError, match="publishes a port"):
        scaling.refuse(rendered(), "web", 2, ONE)


def test_only_what_answers_requests_and_publishes_no_port_runs_twice_for_a_while() -> None:
    routed = rendered(routes=(Route("/*", "web", 80),))

    assert replicas.replaceable(routed, "web", {"HostConfig": {"PortBindings": {}}})
    assert not replicas.replaceable(routed, "web", ONE)
    assert not replicas.replaceable(rendered(), "web", {"HostConfig": {}})


def test_what_a_killed_restart_left_is_no_container_of_the_service() -> None:
    there = [container("web"), *(replace(container("web"), name=f"{PROJECT}-web-1{end}") for end in ("-new", "-old"))]

    assert [standing.present for standing in observe.standings(there, PLACE)] == [{"web": 1}]
