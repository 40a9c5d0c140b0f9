"""A server where Compose runs the application already comes under Tagship, with its data, and goes back."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hello import Hello
from tests.rig import Host

PROJECT = "oldshop"
KEY = ("redis-cli", "get", "customer")


@pytest.fixture
def host(hello: Hello) -> Host:
    """The server."""
    return hello.rig.hosts[0]


@pytest.fixture
def old(hello: Hello, host: Host) -> Iterator[Hello]:
    """The application as its workflow ran it: `:latest`, ports published, a volume of the project's."""
    if edge := host.docker("ps", "-aq", "--filter", "label=tagship.edge").split():
        host.docker("rm", "-f", *edge)  # another test's; it has the port
    image = f"{hello.rig.registry.address}/{PROJECT}/web:latest"
    for words in (
        ["build", "-q", "--build-arg", f"PYTHON_IMAGE={hello.rig.image('python')}", "-t", image, "."],
        ["push", "-q", image],
    ):
        hello.rig.laptop.run(["docker", *words], cwd=hello.folder)
    services: dict[str, Any] = {
        "web": {"image": image, "ports": ["80:8000"], "restart": "always", "environment": {"RELEASE_SHA": "old"}},
        "cache": {
            "image": hello.rig.image("redis"),
            "command": "redis-server --appendonly yes",
            "volumes": ["data:/data"],
            "restart": "always",
        },
        "seed": {"image": image, "command": "true"},
    }
    file = hello.folder.parent / "old.yml"
    file.write_text(json.dumps({"services": services, "volumes": {"data": {}}}))
    compose(hello, host, file, "up", "-d")
    host.docker("exec", f"{PROJECT}-cache-1", "redis-cli", "set", "customer", "kept")
    hello.compose["services"]["cache"] = {key: value for key, value in services["cache"].items() if key != "restart"}
    hello.compose["volumes"] = {"data": {}}
    hello.settings["release"] = {"services": ["web"], "accessories": ["cache"]}
    yield hello
    compose(hello, host, file, "down", "-v")


def test_a_running_stack_is_taken_over_with_its_data_and_comes_back(old: Hello, host: Host) -> None:
    publish(old)

    refused = old.run("adopt", "--env", "host1", "--yes")
    assert "cache has its data at /data in the volume oldshop_data, not the volume" in refused.stderr
    assert "RELEASE_SHA" not in refused.stderr
    text = refused.stderr[refused.stderr.index("services:") :].partition("\n\n")[0]
    (old.folder / "adopted.yml").write_text(text)
    old.settings["environments"]["host1"]["compose"] = ["docker-compose.yml", "adopted.yml"]
    sha = publish(old)

    plan = old.tagship("adopt", "--env", "host1", "--dry-run")
    assert "Stop web: from here on, nobody is answered" in plan
    assert old.get("host1").startswith("hello old")

    told = old.tagship("adopt", "--env", "host1", "--yes")

    assert old.get("host1").startswith(f"hello {sha}")
    assert re.search(r"Nobody was answered at \S+ for [0-9.]+ s", told)
    assert host.docker("exec", f"{old.name}-host1-accessories-cache-1", *KEY).strip() == "kept"
    assert running(host) == set()

    again = old.run("adopt", "--env", "host1", "--yes")
    assert (again.returncode, "serves " in again.stderr) == (9, True)
    assert old.run("adopt", "--env", "host2", "--undo", "--yes").returncode == 9, "another environment's"
    assert old.get("host1").startswith(f"hello {sha}")

    assert "oldshop runs again: cache, web." in old.tagship("adopt", "--env", "host1", "--undo", "--yes")

    assert old.get("host1").startswith("hello old")
    assert host.docker("exec", f"{PROJECT}-cache-1", *KEY).strip() == "kept"
    assert running(host) == {f"{PROJECT}-web-1", f"{PROJECT}-cache-1"}

    old.settings["smoke"] = [{"path": "/", "contains": "goodbye"}]
    publish(old)
    failed = old.run("adopt", "--env", "host1", "--yes")
    assert "oldshop serves again" in failed.stderr
    assert old.get("host1").startswith("hello old")
    assert running(host) == {f"{PROJECT}-web-1", f"{PROJECT}-cache-1"}


def publish(hello: Hello) -> str:
    """Commit, build and push; the commit's SHA."""
    sha = hello.commit()
    hello.tagship("build")
    hello.tagship("push")
    return sha


def running(host: Host) -> set[str]:
    """The old stack's containers that run."""
    names = host.docker("ps", "--filter", f"label=com.docker.compose.project={PROJECT}", "--format", "{{.Names}}")
    return set(names.split())


def compose(hello: Hello, host: Host, file: Path, *words: str) -> None:
    """As the old workflow did, on the server."""
    argv = ["docker", "--host", host.ssh_url, "compose", "--project-name", PROJECT, "--file", str(file), *words]
    done = hello.rig.laptop.run(argv, check=False)
    assert done.returncode == 0, done.stderr
