"""Networks with small explicit subnets of a configured range."""

from collections.abc import Sequence
from typing import Any

import pytest

from tagship.engine import networks
from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError
from tests.fakes.servers import Answer, Server

RANGE = "10.213.0.0/16"
AFTER_THE_EDGES = "10.213.16.0/26"
OVERLAP = Answer(403, {"message": "Pool overlaps with other one on this address space"})


def network(name: str, *subnets: str) -> dict[str, Any]:
    """A network as the engine lists it."""
    return {"Name": name, "IPAM": {"Config": [{"Subnet": subnet} for subnet in subnets] or None}}


def ensured(  # noqa: PLR0913 - what an engine has, what it says, what is wanted
    daemon: Server,
    engine: Engine,
    *,
    there: Sequence[dict[str, Any]] = (),
    says: Sequence[Answer] = (Answer(201, {"Id": "n"}),),
    within: str = RANGE,
    prefix: int = networks.PREFIX,
) -> list[str]:
    """The subnets that were asked for."""
    daemon.answers |= {"GET /networks": Answer(body=list(there)), "POST /networks/create": list(says)}
    networks.ensure(engine, "ours", within, prefix=prefix, labels={"l": "v"})
    return [request.json()["IPAM"]["Config"][0]["Subnet"] for request in daemon.asked("POST /networks/create")]


def test_a_network_that_is_there_is_left_alone(daemon: Server, engine: Engine) -> None:
    assert ensured(daemon, engine, there=[network("ours", "192.168.0.0/24")]) == []


def test_the_first_block_of_the_range_stays_the_edges(daemon: Server, engine: Engine) -> None:
    assert ensured(daemon, engine) == [AFTER_THE_EDGES]
    assert ensured(daemon, engine, prefix=networks.EDGE_PREFIX)[-1] == "10.213.0.0/20"


def test_the_engine_hands_out_the_lower_half_and_the_upper_is_ours(daemon: Server, engine: Engine) -> None:
    ensured(daemon, engine)

    (request,) = daemon.asked("POST /networks/create")
    assert request.json()["IPAM"]["Config"] == [{"Subnet": AFTER_THE_EDGES, "IPRange": "10.213.16.0/27"}]
    assert request.json()["Labels"] == {"l": "v"}


def test_what_overlaps_a_network_that_is_there_is_not_even_tried(daemon: Server, engine: Engine) -> None:
    there = [network("a", "10.213.16.0/25"), network("v6", "fd00::/64"), network("host")]

    assert ensured(daemon, engine, there=there) == ["10.213.16.128/26"]


def test_what_overlaps_something_the_engine_alone_knows_of_is_passed_over(daemon: Server, engine: Engine) -> None:
    asked = ensured(daemon, engine, says=[OVERLAP, OVERLAP, Answer(201, {"Id": "n"})])

    assert asked == [AFTER_THE_EDGES, "10.213.16.64/26", "10.213.16.128/26"]


def test_somebody_who_made_it_first_is_as_good(daemon: Server, engine: Engine) -> None:
    theirs = network("ours", "10.213.16.0/26")
    daemon.answers |= {
        "GET /networks": [Answer(body=[]), Answer(body=[theirs])],
        "POST /networks/create": Answer(409, {"message": "network with name ours already exists"}),
    }

    assert networks.ensure(engine, "ours", "10.213.0.0/16", prefix=networks.PREFIX, labels={}) == theirs


def test_any_other_refusal_is_an_error_at_once(daemon: Server, engine: Engine) -> None:
    with pytest.raises(EngineError, match="plugin not found"):
        ensured(daemon, engine, says=[Answer(500, {"message": "plugin not found"})])

    assert len(daemon.asked("POST /networks/create")) == 1


def test_a_range_that_is_full_says_so(daemon: Server, engine: Engine) -> None:
    with pytest.raises(CheckError, match=r"No subnet is free in 10\.213\.0\.0/19") as caught:
        ensured(daemon, engine, there=[network("all", "10.213.16.0/20")], within="10.213.0.0/19")

    assert caught.value.hint == "widen edge.networks"


@pytest.mark.parametrize(("containers", "prefix"), [(0, 26), (28, 26), (29, 25), (60, 25), (61, 24)])
def test_a_network_is_as_large_as_its_release_needs(containers: int, prefix: int) -> None:
    assert networks.prefix_for(containers) == prefix


def test_a_larger_network_leaves_the_edges_block_alone_too(daemon: Server, engine: Engine) -> None:
    assert ensured(daemon, engine, prefix=25) == ["10.213.16.0/25"]
