"""`registry: embedded`: a registry beside the deployer."""

import pytest

from tagship.images import embedded


@pytest.mark.parametrize(("app", "port"), [("atlas-investor", 22860), ("shop", 25107), ("a", 26610)])
def test_an_app_keeps_its_port_because_images_are_named_by_it(app: str, port: int) -> None:
    assert embedded.port(app) == port


def test_ports_are_those_that_nobody_hands_out() -> None:
    ports = {embedded.port(f"app-{number}") for number in range(500)}

    assert min(ports) >= 20000
    assert max(ports) < 30000  # below Linux's own, which begin at 32768
    assert len(ports) > 450
