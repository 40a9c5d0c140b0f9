"""One more container of a service."""

from typing import Any

import pytest

from tagship.errors import CheckError
from tagship.names import Version
from tagship.release.model import Release, Rendered, Shape, Sources
from tagship.server import scaling
from tests.unit.server.test_one_off import FOUND

PROJECT = "shop-staging-aaaaaaaa-c0ffee"
ONE: dict[str, Any] = {
    **FOUND,
    "Id": "0123456789abcdef",
    "Name": f"/{PROJECT}-web-1",
    "NetworkSettings": {"Networks": {PROJECT: {"Aliases": [f"{PROJECT}-web-1", "web", "0123456789ab"]}}},
}


def rendered(**shape: tuple[str, ...]) -> Rendered:
    """A release of one service."""
    return Rendered(PROJECT, Release(Version("a" * 40), {}, Sources({}), Shape(("web",), **shape)), {})  # type: ignore[arg-type]


def test_it_is_the_same_but_for_its_number_and_names() -> None:
    wanted = scaling.wanted_replica(ONE, PROJECT, 3)

    assert wanted["Cmd"] == ["serve"]
    assert wanted["Labels"]["com.docker.compose.container-number"] == "3"
    assert wanted["Labels"]["com.docker.compose.oneoff"] == "False"
    assert wanted["NetworkingConfig"] == {"EndpointsConfig": {PROJECT: {"Aliases": ["web"]}}}
    assert "Hostname" not in wanted


def test_it_restarts_with_the_engine_only_when_it_has_started() -> None:
    assert scaling.wanted_replica(ONE, PROJECT, 3)["HostConfig"]["RestartPolicy"] == {"Name": "no"}


def test_a_singleton_stays_alone() -> None:
    with pytest.raises(CheckError, match="is a singleton"):
        scaling.refuse(rendered(singletons=("web",)), "web", 2, {"HostConfig": {}})


def test_a_published_port_has_one_container() -> None:
    with pytest.raises(CheckError, match="publishes a port"):
        scaling.refuse(rendered(), "web", 2, ONE)
