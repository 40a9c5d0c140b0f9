"""What of an environment can be reached from outside."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tagship.project.schema import Environment
from tagship.setup import public
from tagship.setup.report import Mark

HERE = "127.0.0.1"


@pytest.fixture
def port() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server((HERE, 0)) as server:
        yield int(server.getsockname()[1])


def environment(url: str = "http://localhost", **edge: int) -> Environment:
    """One whose server is this machine, as if behind SSH."""
    return Environment.model_validate({"engine": f"ssh://deploy@{HERE}", "url": url, "edge": edge})


def container(port: int, address: str = "0.0.0.0", **labels: str) -> dict[str, Any]:  # noqa: S104 - what it publishes
    """A container as the engine lists it."""
    ports = [{"IP": address, "PublicPort": port, "PrivatePort": 1, "Type": "tcp"}]
    return {"Names": ["/shop-db-1"], "Ports": ports, "Labels": labels}


def test_a_published_port_that_answers_from_here_is_told_with_its_container(port: int) -> None:
    (found,) = public.exposed(environment(), [container(port)])

    assert found.mark is Mark.BAD
    assert f"Port {port} of shop-db-1" in found.text


@pytest.mark.parametrize("listed", [{"address": "127.0.0.1"}, {"address": "::1"}, {"tagship.edge": "always"}], ids=str)
def test_ports_of_the_edge_and_of_the_server_alone_are_fine(listed: dict[str, str], port: int) -> None:
    (found,) = public.exposed(environment(), [container(port, **listed)])

    assert found.mark is Mark.GOOD


def test_a_port_that_the_edge_needs_and_somebody_has_is_told(port: int) -> None:
    assert [check.mark for check in public.free(environment(http=port, https=0))] == [Mark.BAD]


def test_ports_that_refuse_are_free() -> None:
    assert [check.mark for check in public.free(environment(http=1, https=0))] == [Mark.GOOD]


def test_a_name_that_leads_elsewhere_is_a_question_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"shop.example": {"192.0.2.1"}, HERE: {HERE}}
    monkeypatch.setattr(public, "_addresses", lambda host: known.get(host, set()))

    assert [c.mark for c in public.name(environment("https://shop.example"))] == [Mark.UNKNOWN]
    assert [c.mark for c in public.name(environment("https://nowhere.example"))] == [Mark.BAD]


def test_only_an_address_by_https_is_told_that_it_gets_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "_addresses", lambda _: set[str]())

    told = [next(public.name(environment(f"{scheme}://shop.example"))).text for scheme in ("http", "https")]

    assert [("certificate" in text) for text in told] == [False, True]


def test_a_name_that_leads_to_the_proxy_before_the_edge_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "_addresses", lambda host: {HERE} if host == HERE else {"192.0.2.1"})
    behind = Environment.model_validate(
        {"engine": f"ssh://deploy@{HERE}", "url": "https://shop.example", "edge": {"behind": "192.0.2.1"}}
    )

    assert [c.mark for c in public.name(behind)] == [Mark.GOOD]


def test_without_an_edge_nobody_knows_about_the_certificate() -> None:
    found = [check.mark for check in public.certificate(environment(f"https://{HERE}:1"), edge=False)]

    assert found == [Mark.UNKNOWN]


@pytest.mark.parametrize("host", ["foo..com", f"{'a' * 64}.com"])
def test_a_host_that_can_be_no_name_has_no_address(host: str) -> None:
    settings = environment(f"https://{host}").model_copy(update={"engine": f"ssh://deploy@{host}"})

    checks = [*public.name(settings), *public.certificate(settings, edge=True), *public.free(settings)]

    assert [check.mark for check in checks] == [Mark.BAD, Mark.BAD, Mark.UNKNOWN]
