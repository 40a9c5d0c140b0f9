"""Known questions of Compose are answered; all others go to the engine."""

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tagship.engine.client import Engine
from tagship.engine.compose_socket import answering, network_query
from tests.fakes.servers import Answer, Server

NETWORK = {"Name": "shop-staging-a", "Id": "n1"}
KNOWN = {network_query("shop-staging-a"): [NETWORK], "/images/registry:5000/shop@sha256:1/json": {"Id": "sha256:1"}}


class Client(http.client.HTTPConnection):
    """As Compose speaks: one connection, kept alive."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded body of one call."""
        self.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = self.getresponse()
        said = response.read()
        return response.status, json.loads(said) if said else None


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    """Compose, beside an engine of which something is known."""
    with answering(engine, KNOWN) as path:
        speaking = Client(path)
        yield speaking
        speaking.close()


def test_what_is_known_costs_the_engine_no_call(client: Client, daemon: Server) -> None:
    filters = quote('{"name":{"shop-staging-a":true}}', safe="")

    assert client.ask("HEAD", "/_ping") == (200, None)
    assert client.ask("GET", f"/v1.47/networks?filters={filters}") == (200, [NETWORK])
    assert client.ask("GET", "/v1.47/images/registry:5000/shop@sha256:1/json") == (200, {"Id": "sha256:1"})
    assert daemon.requests == []


def test_everything_else_is_asked_of_the_engine(client: Client, daemon: Server) -> None:
    daemon.answers |= {
        "GET /containers/json": Answer(body=[]),
        "POST /containers/create": Answer(201, {"Id": "c1"}),
        "GET /networks": Answer(body=[]),
    }
    filters = quote('{"name":{"another":true}}', safe="")

    assert client.ask("GET", "/v1.47/containers/json?all=1") == (200, [])
    assert client.ask("POST", "/v1.47/containers/create?name=web", {"Image": "x"})[1] == {"Id": "c1"}
    assert client.ask("GET", f"/v1.47/networks?filters={filters}") == (200, [])

    asked = [(request.method, request.path, request.query) for request in daemon.requests]
    assert asked == [
        ("GET", "/containers/json", {"all": "1"}),
        ("POST", "/containers/create", {"name": "web"}),
        ("GET", "/networks", {"filters": '{"name":{"another":true}}'}),
    ]
    assert daemon.requests[1].json() == {"Image": "x"}


def test_what_the_engine_refuses_is_refused_in_its_words(client: Client, daemon: Server) -> None:
    daemon.answers["POST /containers/create"] = Answer(409, {"message": "the name is in use"})

    assert client.ask("POST", "/v1.47/containers/create?name=web", {"Image": "x"}) == (
        409,
        {"message": "the name is in use"},
    )
