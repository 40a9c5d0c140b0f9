"""Two applications, one of them in two environments, on one server: what happens to one, the others don't notice."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hello import Hello

ASK = """import sys, urllib.request as u
print(u.urlopen(u.Request(sys.argv[1], headers={"Host": sys.argv[2]})).read().decode())
"""


@pytest.fixture
def other(hello: Hello, tmp_path: Path) -> Hello:
    """Another application on the same server."""
    return Hello(hello.rig, tmp_path / "other", f"{hello.name}-other")


@pytest.mark.thorough
def test_two_apps_and_two_environments_deploy_and_roll_back_at_once_without_noticing_each_other(
    hello: Hello, other: Hello
) -> None:
    host = hello.rig.hosts[0]
    elsewhere = {"engine": host.ssh_url, "smoke": [{"run": "true"}]}  # no name server knows these hosts
    for app, environments in ((hello, ("live", "second")), (other, ("other",))):
        app.settings["environments"] = {name: {**elsewhere, "url": f"http://{name}.example"} for name in environments}
        for name in environments:
            app.settings["environments"][name]["variables"] = [".env.build", f".env.{name}"]
            (app.folder / f".env.{name}").write_text(f"COLOR={name}\n")
    hello.settings["environments"]["live"] = {
        "engine": host.ssh_url, "url": f"http://{host.address}", "variables": [".env.build", ".env.live"],
    }  # fmt: skip
    apps = {"live": hello, "second": hello, "other": other}

    first = {app.name: app.commit() for app in (hello, other)}
    for name, app in apps.items():
        app.ship(name)
    assert seen(apps) == {name: f"hello {first[app.name]} {name}" for name, app in apps.items()}

    second = {app.name: app.commit() for app in (hello, other)}
    for app in (hello, other):
        app.tagship("build")
        app.tagship("push")
    load = hello.load("live")
    at_once(apps, "deploy")
    assert seen(apps) == {name: f"hello {second[app.name]} {name}" for name, app in apps.items()}
    at_once(apps, "rollback")
    assert seen(apps) == {name: f"hello {first[app.name]} {name}" for name, app in apps.items()}
    assert load.stop()["failures"] == []
    at_once({"second": hello, "other": other}, "remove", "--confirm", "{place}")

    assert hello.get("live").split() == ["hello", first[hello.name], "live"]
    assert [entry["action"] for entry in hello.history("live")] == ["deploy", "deploy", "rollback"]
    other.remove()


def at_once(apps: dict[str, Hello], *words: str) -> None:
    """Run a task for all of them, each in its own process; all must succeed."""
    running = {
        name: app.start(words[0], "--env", name, *(word.format(place=f"{app.name}-{name}") for word in words[1:]))
        for name, app in apps.items()
    }
    said = {name: process.communicate(timeout=200) for name, process in running.items()}
    assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(apps, 0), said


def seen(apps: dict[str, Hello]) -> dict[str, str]:
    """What each environment answers under its own host."""
    found = {}
    for name, app in apps.items():
        host = app.rig.hosts[0]
        url = app.settings["environments"][name]["url"].removeprefix("http://")
        argv = app.rig.laptop.command([sys.executable, "-c", ASK, f"http://{host.address}/", url])
        found[name] = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    return found
