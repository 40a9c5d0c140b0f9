"""Previews of pull requests on a real server, beside the environment that they are like."""

import json
from collections.abc import Iterator

import pytest

from tests import reports
from tests.hello import Hello
from tests.rig import Rig
from tests.rig.host import Host

_FIRST, _SECOND, _THIRD = 201, 202, 203
"""Numbers of pull requests, and the last bytes of addresses that the host gets: the rig has no resolver."""
_SEED = "import socket; s = socket.create_connection(('cache', 6379)); s.sendall(b'INCR seeded\\r\\n'); s.recv(9)"


@pytest.fixture
def host(rig: Rig) -> Iterator[Host]:
    """A host with an address for each preview."""
    host = rig.hosts[0]
    prefix = host.address.rpartition(".")[0]
    addresses = [f"{prefix}.{number}/24" for number in (_FIRST, _SECOND, _THIRD)]
    for address in addresses:
        host.machine.run(["ip", "addr", "replace", address, "dev", "eth0"])
    yield host
    for address in addresses:
        host.machine.run(["ip", "addr", "del", address, "dev", "eth0"])


@pytest.fixture
def app(hello: Hello, host: Host) -> Iterator[Hello]:
    """An app with a database of its own in each environment."""
    hello.compose["services"]["cache"] = {
        "image": hello.rig.image("redis"),
        "command": ["redis-server", "--appendonly", "yes", "--appendfsync", "always"],
        "volumes": ["data:/data"],
    }
    hello.compose["volumes"] = {"data": {}}
    hello.settings |= {
        "release": {"accessories": ["cache"]},
        "environments": {"host1": hello.settings["environments"]["host1"]},
        "previews": {
            "like": "host1",
            "url": f"http://{host.address.rpartition('.')[0]}.{{number}}",
            "most": 2,
            "seed": f'python3 -c "{_SEED}"',
        },
    }
    hello.commit()
    yield hello
    expire(hello)
    hello.run("preview.prune")


def expire(app: Hello) -> None:
    """Give previews no time to live."""
    app.settings["previews"]["ttl"] = "1ms"
    (app.folder / "tagship.yml").write_text(json.dumps(app.settings))


def test_previews_come_seeded_and_limited_and_go_whole_while_the_environment_beside_them_serves(
    app: Hello, host: Host
) -> None:
    def at(number: int) -> str:
        return app.get_at(app.settings["previews"]["url"].replace("{number}", str(number)))

    def seeds(number: int) -> str:
        labels = ("--filter", f"label=tagship.environment=pr{number}", "--filter", "name=cache")
        return host.docker("exec", host.docker("ps", "--quiet", *labels).strip(), "redis-cli", "get", "seeded").strip()

    first = app.git("rev-parse", "HEAD").strip()
    app.tagship("accessories.up", "--env", "host1", "ship", "--env", "host1")
    staging = host.docker("ps", "--quiet", "--filter", "label=tagship.environment=host1").split()

    planned = app.tagship("preview.up", str(_FIRST), "--dry-run", "preview.up", str(_FIRST)).splitlines()
    app.tagship("preview.up", str(_SECOND), "--sha", first, "--json")
    assert [line.split()[0] for line in planned[:3]] == ["Start", "Deploy", "Seed:"]

    refused = app.run("preview.up", str(_THIRD))
    second = app.commit()
    app.tagship("preview.up", str(_FIRST), "--json")

    assert refused.returncode == 9
    assert f"There are 2 previews, and `previews.most` is 2: {_FIRST}, {_SECOND}." in refused.stderr
    assert "Build" not in refused.stderr
    assert at(_FIRST).startswith(f"200 hello {second}")
    assert at(_SECOND).startswith(f"200 hello {first}")
    assert (seeds(_FIRST), seeds(_SECOND)) == ("1", "1")

    expire(app)
    dry, asked = "--dry-run", ("preview.list", "--json")
    listed, gone, others, pruned, none = app.tagship(
        *asked,
        "preview.down",
        str(_FIRST),
        "--json",
        "preview.prune",
        "--json",
        dry,
        "preview.prune",
        "--json",
        asked[0],
    ).splitlines()

    reports.check(asked, listed)
    reports.check(["preview.down", "--json"], gone)
    reports.check(["preview.prune", "--json"], pruned)
    assert [(row["number"], row["tag"], row["state"]) for row in json.loads(listed)] == [
        (_FIRST, second, "live"),
        (_SECOND, first, "live"),
    ]
    assert json.loads(others) == {"removed": [_SECOND], "dry_run": True}
    assert json.loads(pruned) == {"removed": [_SECOND], "dry_run": False}
    assert none == "There is no preview; there may be 2."
    for kind, listing in (("container", ["--all"]), ("volume", []), ("network", [])):
        found = host.docker(kind, "ls", *listing, "--filter", f"label=tagship.app={app.name}")
        assert f"{app.name}-pr" not in found
    assert not at(_FIRST).startswith("200")
    assert host.docker("ps", "--quiet", "--filter", "label=tagship.environment=host1").split() == staging
    assert app.get("host1").startswith("hello")
