"""`registry: embedded`: a registry beside the deployer."""

import pytest

from tagship.engine.client import Engine
from tagship.images import embedded
from tests.fakes.servers import Answer, Server


@pytest.mark.parametrize(("app", "port"), [("atlas-investor", 22860), ("shop", 25107), ("a", 26610)])
def test_an_app_keeps_its_port_because_images_are_named_by_it(app: str, port: int) -> None:
    assert embedded.port(app) == port


def test_ports_are_those_that_nobody_hands_out() -> None:
    ports = {embedded.port(f"app-{number}") for number in range(500)}

    assert min(ports) >= 20000
    assert max(ports) < 30000  # below Linux's own, which begin at 32768
    assert len(ports) > 450


def test_is_stopped_with_its_network_and_keeps_its_images_unless_told(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/json": Answer(body=[{"Id": "r1", "State": "running"}]),
        "GET /volumes": Answer(body={"Volumes": [{"Name": "shop-registry_data"}, {"Name": "other"}]}),
        "POST /containers/r1/stop": Answer(204),
        "DELETE /containers/r1": Answer(204),
        "DELETE /networks/shop-registry_default": Answer(204),
        "DELETE /volumes/shop-registry_data": Answer(204),
    }
    found = embedded.standing(engine, "shop")

    embedded.stop(engine, "shop", found, images=False)

    assert found == embedded.Standing("r1", running=True, volume="shop-registry_data")
    assert daemon.asked("DELETE /volumes/shop-registry_data") == []

    embedded.stop(engine, "shop", found, images=True)

    assert len(daemon.asked("DELETE /volumes/shop-registry_data")) == 1
