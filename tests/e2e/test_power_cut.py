"""A server loses its power, or its engine is killed: what was running comes back by itself, and nothing else."""

import time

import pytest

from tests.hello import Hello
from tests.rig import Host

COME_BACK = 90
WAITS = {"command": ["python3", "-c", "import time; time.sleep(3600)"], "init": True}
ENDS = {"command": ["python3", "-c", "print('seeded')"]}


@pytest.fixture
def shop(hello: Hello, environment: str) -> Hello:
    """Two releases, the second one live, each with a worker and a one-shot; and a cache."""
    python = hello.compose["services"]["web"]["build"]
    hello.compose["services"] |= {
        "worker": {"build": python, **WAITS},
        "seed": {"build": python, **ENDS},
        "cache": {
            "image": hello.rig.image("redis"),
            "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "interval": "1s"},
        },
    }
    hello.compose["services"]["web"]["depends_on"] = {"seed": {"condition": "service_completed_successfully"}}
    hello.settings["release"] = {"services": ["web", "worker", "seed"], "accessories": ["cache"]}
    hello.commit()
    hello.tagship("accessories.up", "--env", environment)
    hello.ship(environment)
    hello.commit()
    hello.ship(environment)
    return hello


@pytest.fixture
def host(shop: Hello, environment: str) -> Host:
    """The server it runs on."""
    return shop.rig.hosts[int(environment[-1]) - 1]


def running(shop: Hello, host: Host) -> list[str]:
    """The names of its containers that run, without what is common to them."""
    names = host.docker("ps", "--format", "{{.Names}}", "--filter", f"label=tagship.app={shop.name}").split()
    return sorted(name.removeprefix(f"{shop.name}-{host.name}-") for name in names)


def comes_back(shop: Hello, host: Host, wanted: list[str]) -> None:
    """Wait until exactly those run, and see that it stays so."""
    end = time.monotonic() + COME_BACK
    while running(shop, host) != wanted and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(1)
    assert running(shop, host) == wanted


def test_the_live_release_its_workers_and_accessories_come_back_and_stopped_releases_do_not(
    shop: Hello, host: Host
) -> None:
    before = running(shop, host)
    assert sorted(name.split("-")[-2] for name in before) == ["cache", "web", "worker"]

    host.engine.kill()
    host.engine.start()
    comes_back(shop, host, before)

    host.engine.cut_power()
    host.engine.start()
    comes_back(shop, host, before)

    host.docker("stop", f"{shop.name}-{host.name}-accessories-cache-1")
    shop.tagship("rollback", "--env", host.name)  # starts it
    rolled_back = running(shop, host)
    assert rolled_back != before
    host.engine.kill()
    host.engine.start()
    comes_back(shop, host, rolled_back)
