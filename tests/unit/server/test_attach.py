"""The networks that a release's containers join."""

from tagship.engine.containers import Container
from tagship.names import Place
from tagship.release.model import Rendered
from tagship.server.attach import attachments
from tests.fakes.builders import rendered

EDGE = {"Gateway": "10.213.0.1", "IPPrefixLen": 20}
RELEASE = rendered("a")


def container(addresses: dict[str, str] | None = None) -> Container:
    """One of the service `web`, on these networks already."""
    return Container("c1", "x", RELEASE.name, "web", "created", "", 0, addresses or {})


def joined(release: Rendered, ours: Container, *others: Container) -> dict[str, str]:
    """Network → the address that a container is to have there."""
    found = attachments(release, Place("shop", "staging"), [ours], [ours, *others], EDGE)
    return {attachment.network: attachment.address for attachment in found}


def test_a_service_with_a_route_gets_an_address_on_the_edges_network_that_nobody_has() -> None:
    first = joined(RELEASE, container())

    second = joined(RELEASE, container(), container(first))

    assert list(first) == list(second) == ["0-tagship"]
    assert second["0-tagship"] != first["0-tagship"]


def test_a_service_that_uses_accessories_reaches_them() -> None:
    assert joined(rendered("a", routes=(), accessories=("db",)), container()) == {"shop-staging": ""}


def test_what_a_killed_deploy_connected_is_left_alone() -> None:
    assert joined(RELEASE, container({"0-tagship": "10.213.8.9"})) == {}
