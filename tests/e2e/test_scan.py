"""What answers on a server, seen from outside and from another app's container: what docs/security.md lists."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hello import Hello

SCAN = """import concurrent.futures as f, json, socket, sys
addresses, ports = json.load(sys.stdin)
places = [(address, port) for address in addresses for port in ports]
def answers(place):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(place) == 0
with f.ThreadPoolExecutor(64) as pool:
    print(json.dumps([place for place, yes in zip(places, pool.map(answers, places)) if yes]))
"""
EVERY = range(1, 65536)
LISTENED = (22, 80, 443, 2019, 2375, 2376, 5432, 6379, 8000, 8080)
"""All that anything here may listen at, for addresses that drop packets, so that each port takes its time."""


@pytest.fixture
def other(hello: Hello, tmp_path: Path) -> Iterator[Hello]:
    """Another application on the same server."""
    app = Hello(hello.rig, tmp_path / "other", f"{hello.name}-other")
    yield app
    app.remove()


def test_nothing_answers_but_what_is_listed(hello: Hello, other: Hello) -> None:
    host = hello.rig.hosts[0]
    hello.compose["services"]["cache"] = {"image": hello.rig.image("redis")}
    hello.settings["release"] = {"accessories": ["cache"]}
    other.settings["environments"]["host1"] |= {"url": "http://other.example", "smoke": [{"run": "true"}]}
    hello.commit()
    hello.tagship("accessories.up", "--env", "host1")
    for app in (hello, other):
        app.commit()
        app.ship("host1")

    told = hello.rig.laptop.run([sys.executable, "-c", SCAN], stdin=json.dumps([[host.address], [*EVERY]]))
    assert json.loads(told.stdout) == [[host.address, 22], [host.address, 80]]

    containers = json.loads(host.docker("inspect", *host.docker("ps", "-q").split()))
    names = {
        network["IPAddress"]: "edge" if each["Name"] == "/tagship-edge" else each["Name"].split("-")[-2]
        for each in containers
        for network in each["NetworkSettings"]["Networks"].values()
    }
    gateways = {network["Gateway"] for each in containers for network in each["NetworkSettings"]["Networks"].values()}
    (inside,) = (each["Name"] for each in containers if each["Name"].startswith(f"/{other.name}"))
    places = json.dumps([[*names, *gateways, host.address], LISTENED])
    found = json.loads(host.run(["docker", "exec", "-i", inside[1:], "python3", "-c", SCAN], stdin=places))

    assert set(names.values()) == {"edge", "web", "cache"}
    assert {(names.get(address, "server"), port) for address, port in found} == {
        ("server", 22), ("edge", 80), ("server", 80), ("web", 8000),
    }  # fmt: skip
    routed = {address for address, port in found if port == 8000}
    assert sorted(address in host.docker("inspect", inside) for address in routed) == [False, True, True]
