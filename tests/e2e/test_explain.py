"""The script of `--explain`, run by plain sh, brings the same state as Tagship does."""

import json
import subprocess
from typing import Any

import pytest

from tests.hello import Hello

KEY, PASSWORD = "battery-staple", "correct'horse $x"
_DIFFERS = {"Hostname", "Image", "Healthcheck", "Binds", "Mounts", "RestartPolicy"}
"""What is per container, written in another way, or changed when it is stopped."""
_LABELS = {f"tagship.{name}" for name in ("app", "environment", "release", "restart", "sha")} | {
    f"com.docker.compose.{name}" for name in ("project", "service", "container-number", "oneoff")
}


@pytest.fixture
def app(hello: Hello) -> Hello:
    """Two web containers, a worker with secrets, a volume, and a migration that is a file in it."""
    services = hello.compose["services"]
    services["web"] |= {"deploy": {"replicas": 2}, "volumes": ["state:/state"], "init": True}
    services["worker"] = {
        "build": services["web"]["build"],
        "command": ["sh", "-c", "trap exit TERM; while :; do sleep 0.2; done # costs $$5"],
        "environment": {"DSN": "db://me:${PASSWORD}@db", "KEY": "${KEY}", "SUM": "a b $$c"},
        "secrets": ["key"],
        "stop_grace_period": "2s",
        "mem_limit": "200m",
        "depends_on": {"web": {"condition": "service_healthy"}},
    }
    hello.compose |= {"volumes": {"state": None}, "secrets": {"key": {"environment": "KEY"}}}
    migrations = {
        "service": "web",
        "pending": "sh -c 'test -e /state/done || echo 0001_done'",
        "apply": "touch /state/done",
    }
    hello.settings["release"] = {"migrations": migrations}
    hello.environment |= {"KEY": KEY, "PASSWORD": PASSWORD}
    hello.commit()
    return hello


def test_the_script_of_a_deploy_and_of_a_rollback_brings_what_tagship_would(app: Hello, environment: str) -> None:
    first = app.ship(environment)["release"]
    app.settings["routes"]["/again/*"] = "web:8000"
    app.commit(hello="hello again")
    app.tagship("build")
    app.tagship("push")
    host = _host(app, environment)
    host.docker("exec", f"{first}-web-1", "rm", "/state/done")

    script = app.tagship("deploy", "--env", environment, "--explain")
    assert KEY not in script
    assert "correct" not in script
    assert "hello" in app.get(environment)  # it has changed nothing
    unset = _run(app, environment, script, KEY=KEY)
    assert (unset.returncode, "PASSWORD: set it" in unset.stderr) == (2, True)
    done = _run(app, environment, script, KEY=KEY, PASSWORD=PASSWORD)

    assert done.returncode == 0, done.stdout + done.stderr
    assert app.get(environment, "/again/").startswith("hello again")
    second = app.history(environment)[-1]["release"]
    assert host.docker("exec", f"{second}-worker-1", "cat", "/run/secrets/key") == KEY
    assert host.docker("exec", f"{second}-web-1", "ls", "/state").strip() == "done"
    for name in ("web-1", "web-2", "worker-1"):
        assert _like(app, environment, second, name) == _like(app, environment, first, name)
    _agrees(app, environment, second)

    back = app.tagship("rollback", "--env", environment, "--keep-schema", "--explain")
    assert _run(app, environment, back).returncode == 0
    assert "again" not in app.get(environment)
    assert app.history(environment)[-1]["action"] == "rollback"
    assert "has been deployed since" in _run(app, environment, script, KEY=KEY, PASSWORD=PASSWORD).stderr
    app.tagship("deploy", "--env", environment)
    _agrees(app, environment, second)


def _agrees(app: Hello, environment: str, release: str) -> None:
    """Tagship knows the release, its record and its ledger, and has nothing to do."""
    state = json.loads(app.tagship("status", "--env", environment, "--json"))
    assert json.dumps(state).count(release)
    app.tagship("history", "--env", environment, "--verify")
    assert json.loads(app.tagship("deploy", "--env", environment, "--json"))["changed"] is False
    assert _host(app, environment).docker("ps", "-aq", "--filter", f"name=tagship-lock-{app.name}") == ""


def _host(app: Hello, environment: str) -> Any:  # noqa: ANN401 - the rig's host
    return app.rig.hosts[int(environment.removeprefix("host")) - 1]


def _run(app: Hello, environment: str, script: str, **secrets: str) -> subprocess.CompletedProcess[str]:
    """Run it as a person would from another machine."""
    socket = _host(app, environment).socket
    return subprocess.run(
        app.rig.laptop.command(["sh"]),
        input=script, capture_output=True, text=True, check=False, timeout=120,
        env={**app.rig.laptop.environment, "DOCKER_HOST": f"unix://{socket}", **secrets},
    )  # fmt: skip


def _like(app: Hello, environment: str, release: str, name: str) -> dict[str, Any]:
    """What the engine knows of a container, without what differs between releases."""
    (raw,) = json.loads(_host(app, environment).docker("inspect", f"{release}-{name}"))
    config, host = raw["Config"], raw["HostConfig"]
    sha = config["Labels"]["tagship.sha"]
    found = {
        **{key: value for key, value in {**config, **host}.items() if value and key not in _DIFFERS},
        "Env": sorted(config["Env"]),
        "Labels": {key: value for key, value in config["Labels"].items() if key in _LABELS},
        "Check": {key: value for key, value in (config.get("Healthcheck") or {}).items() if key != "Test"},
        "Mounts": sorted((mount["Type"], mount["Name"], mount["Destination"], mount["RW"]) for mount in raw["Mounts"]),
    }
    same: dict[str, Any] = json.loads(json.dumps(found).replace(release, "RELEASE").replace(sha, "SHA"))
    return same
