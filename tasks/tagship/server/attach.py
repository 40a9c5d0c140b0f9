"""Determines the networks that a release's containers join before they start: the edge's and the environment's."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tagship.edge.caddy import NETWORK
from tagship.engine import containers
from tagship.engine.containers import Container
from tagship.names import Place
from tagship.release.model import Rendered


class Attachment(NamedTuple):
    """A container, the network it joins, and its address there; empty for any."""

    container: Container
    network: str
    address: str = ""


def attachments(
    rendered: Rendered,
    place: Place,
    ours: Iterable[Container],
    everyone: Iterable[Container],
    edge_network: Mapping[str, Any],
) -> Iterator[Attachment]:
    """The connections that are missing; a killed deploy may have made some."""
    subnet = f"{edge_network['Gateway']}/{edge_network['IPPrefixLen']}"
    taken = {address for container in everyone if (address := container.addresses.get(NETWORK))}
    shape = rendered.release.shape
    routed = {route.service for route in shape.routes}
    for container in ours:
        if container.service in routed and NETWORK not in container.addresses:
            address = containers.choose_address(container.name, subnet, taken)
            taken.add(address)
            yield Attachment(container, NETWORK, address)
        if shape.accessories and str(place) not in container.addresses:
            yield Attachment(container, str(place))
