"""Everyday commands on a real server, with a current engine and an old one. The tests share one deployed app."""

import json
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests import reports
from tests.hello import COMPOSE, Hello
from tests.rig import Rig

_WORK = """import json, sys, time
while True:
    print(json.dumps({"level": "warning", "message": "tick"}), flush=True)
    print("tock", file=sys.stderr, flush=True)
    time.sleep(0.2)
"""


_BUILT = {"build": {"context": ".", "args": {"PYTHON_IMAGE": "${PYTHON_IMAGE}"}}}
_ENDS = {**_BUILT, "command": ["echo", "prepared"]}
_DEVELOPED = {
    **_BUILT,
    "environment": {"RELEASE_SHA": "dev"},
    "volumes": ["./server.py:/server.py"],
    "ports": ["127.0.0.1:8123:8000"],
    "healthcheck": COMPOSE["services"]["web"]["healthcheck"] | {"interval": "1s", "start_period": "1m"},
}
KEY = "battery-staple"
RESET = 5
"""Requests that may fail because the edge reads new routes (docs/decisions/reloads-are-announced.md)."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("host1", id="engine-28", marks=pytest.mark.thorough),
        pytest.param("host2", id="engine-20.10"),
    ],
)
def day(
    request: pytest.FixtureRequest, rig: Rig, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Hello, str]]:
    """An app with two web containers, a worker and a cache, deployed to one host."""
    environment = str(request.param)
    app = Hello(rig, tmp_path_factory.mktemp("day") / "app", f"day{environment}")
    (app.folder / "work.py").write_text(_WORK)
    (app.folder / "Dockerfile").write_text((app.folder / "Dockerfile").read_text() + "COPY work.py /work.py\n")
    services = app.compose["services"]
    services["web"] |= {"deploy": {"replicas": 2}}
    services["worker"] = {
        "build": services["web"]["build"],
        "command": ["python3", "/work.py"],
        "stop_grace_period": "0s",
    }
    services["worker"] |= {"environment": {"WORD": "${WORD}"}, "secrets": ["key"]}
    app.compose["secrets"] = {"key": {"environment": "KEY"}}
    app.environment |= {"WORD": "correct-horse", "KEY": KEY}
    services["cache"] = {"image": rig.image("redis"), "command": ["redis-server", "--requirepass", "hunter22-hunter22"]}
    app.settings["release"] = {"accessories": ["cache"]}
    (app.folder / "dev.yml").write_text(
        json.dumps({"name": f"{app.name}-dev", "services": {"web": _DEVELOPED, "setup": _ENDS}})
    )
    app.settings["dev"] = {"compose": "dev.yml", "service": "web", "migrate": "python3 -c 'print(6 * 7)'"}
    app.commit()
    app.tagship("accessories.up", "--env", environment)
    app.ship(environment)
    yield app, environment
    app.remove()


def test_logs_are_merged_rendered_and_followed_over_a_restart(day: tuple[Hello, str]) -> None:
    app, environment = day
    host = app.rig.hosts[int(environment[-1]) - 1]
    worker = host.docker("ps", "-q", "--filter", f"label=tagship.app={app.name}", "--filter", "name=worker").strip()

    following = app.start("logs", "--env", environment, "--service", "worker", "--tail", "1", "--follow", "--json")
    shown = app.tagship("logs", "--env", environment, "--service", "worker,cache", "--tail", "4").splitlines()
    raw = app.tagship("logs", "--env", environment, "--grep", "TICK", "--tail", "2", "--raw")
    host.docker("restart", "--time", "0", worker)
    time.sleep(1.5)
    following.send_signal(signal.SIGINT)
    out, err = following.communicate(timeout=30)

    assert {line.split()[0] for line in shown} == {"worker", "cache"}
    assert {line.split(maxsplit=3)[3] for line in shown if line.startswith("worker")} == {"WARNING tick", "tock"}
    assert raw == '{"level": "warning", "message": "tick"}\n' * 2
    lines = [json.loads(line) for line in out.splitlines()]
    assert following.returncode == 0
    assert "-worker-1 starts" in err
    ticks = [line["at"] for line in lines if line["stream"] == "stdout"]
    assert len(ticks) == len(set(ticks)) > 5
    assert {line["service"] for line in lines} == {"worker"}


def test_env_shows_what_the_release_runs_with_and_no_secret(day: tuple[Hello, str]) -> None:
    app, environment = day

    found = json.loads(app.tagship("env", "--env", environment, "--json"))

    rows = {(each["name"], *each["services"]): each for each in found["variables"]}
    assert rows["WORD", "worker"]["origin"] == rows["KEY", "worker"]["origin"] == "env://"
    assert rows["WORD", "worker"]["secret"]
    assert rows["COLOR", "web"]["origin"] == "a default in the Compose file"
    assert rows["RELEASE_SHA", "web"]["value"] == app.git("rev-parse", "HEAD").strip()
    assert not {word for word in ("correct-horse", KEY) if word in json.dumps(found)}


def test_the_reports_that_no_other_test_reads_are_as_their_schemas_say(day: tuple[Hello, str]) -> None:
    app, environment = day
    if environment != "host1":
        pytest.skip("the engine makes no difference")
    of, dry = ("--env", environment, "--json"), "--dry-run"
    asked = [
        ("accessories.status", *of), ("accessories.diff", *of), ("prune", *of, dry), ("remove", *of, dry),
        ("maintenance.on", *of, dry), ("maintenance.off", *of, dry), ("deploy", *of, dry), ("build", "--json"),
        ("push", "--json"), ("smoke-test", *of), ("registry.status", "--json"), ("registry.stop", "--json", dry),
    ]  # fmt: skip

    said = app.tagship(*(word for words in asked for word in words)).splitlines()

    assert len(said) == len(asked)
    for words, line in zip(asked, said, strict=True):
        reports.check(words, line)


def test_the_application_runs_on_this_machine_from_its_own_compose_file(day: tuple[Hello, str]) -> None:
    app, environment = day
    if environment != "host1":
        pytest.skip("the server makes no difference")
    app.environment["PYTHON_IMAGE"] = app.rig.image("python")

    try:
        done = app.run("dev.up", "--json", "dev.migrate", "dev.logs", "--service", "setup")
        assert done.returncode == 0, done.stderr
        answer = app.get_at("http://127.0.0.1:8123/")
        inside = app.run("dev.shell", "--", "sh", "-c", "cat /server.py; exit 3")
    finally:
        app.tagship("dev.down")

    started, migrated, printed = done.stdout.splitlines()
    reports.check(["dev.up", "--json"], started)
    assert [(each["service"], each["state"], each["addresses"]) for each in json.loads(started)] == [
        ("setup", "ended", []),
        ("web", "healthy", ["localhost:8123"]),
    ]
    assert answer.startswith("200 hello dev")
    assert migrated == "42"
    assert (inside.stdout, inside.returncode) == ((app.folder / "server.py").read_text(), 3)
    assert printed.endswith("prepared")
    label = f"label=com.docker.compose.project={app.name}-dev"
    assert app.rig.laptop.run(["docker", "ps", "--all", "--quiet", "--filter", label]).stdout == ""


def test_a_command_runs_like_the_live_release_and_leaves_nothing_behind(day: tuple[Hello, str]) -> None:
    app, environment = day
    host = app.rig.hosts[int(environment[-1]) - 1]
    script = 'echo "$WORD" "$(cat /run/secrets/key)" "$@"; getent hosts cache >/dev/null && cat >&2; exit 7'

    ran = app.run("run", "--env", environment, "--service", "worker", "--", "sh", "-c", script, "sh", "a  b", "$HOME")
    inside = app.run("exec", "--env", environment, "--service", "web-2", "--", "sh", "-c", "exit 3")
    pong = app.tagship("db.shell", "--env", environment, "--", "ping")

    assert (ran.returncode, ran.stdout) == (7, "correct-horse battery-staple a  b $HOME\n")
    assert inside.returncode == 3
    assert pong == "PONG\n"
    end = time.monotonic() + 20  # a guard ends by itself, and its engine removes it a moment later
    while left(app, host.docker):
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("task", ["run", "exec"])
def test_a_command_ends_with_whoever_started_it(day: tuple[Hello, str], task: str) -> None:
    app, environment = day
    host = app.rig.hosts[int(environment[-1]) - 1]
    deaf = "trap '' HUP INT; echo on; while :; do sleep 0.1; done"
    running = app.start(task, "--env", environment, "--service", "worker", "--", "sh", "-c", deaf)
    assert running.stdout
    assert running.stdout.readline() == "on\n"

    running.kill()

    worker = host.docker("ps", "-q", "--filter", f"label=tagship.app={app.name}", "--filter", "name=worker-1").strip()
    deadline = time.monotonic() + 20
    while left(app, host.docker) or "trap" in host.docker("top", worker):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    running.communicate()


def left(app: Hello, docker: Callable[..., str]) -> list[str]:
    """The one-offs and guards on a host."""
    names = docker("ps", "-a", "--filter", f"label=tagship.app={app.name}", "--format", "{{.Names}} {{.Labels}}")
    return [line.split()[0] for line in names.splitlines() if "tagship.guard" in line or "oneoff=True" in line]


def test_a_restart_drops_no_request(day: tuple[Hello, str]) -> None:
    app, environment = day
    before = {now["name"]: now["started"] for now in json.loads(app.tagship("ps", "--env", environment, "--json"))}

    load = app.load(environment)
    app.tagship("restart", "--env", environment, "--service", "web")
    seen = load.stop()

    after = {now["name"]: now for now in json.loads(app.tagship("ps", "--env", environment, "--json"))}
    assert seen["failures"] == []
    assert seen["requests"] > 100
    assert {name for name, now in after.items() if now["started"] != before[name]} == {"web-1", "web-2"}
    assert after["cache-1"]["kind"] == "accessory"
    assert after["web-1"]["memory"] > 10**6
    entry = app.history(environment)[-1]
    assert (entry["action"], entry["result"], entry["why"]) == ("restart", "ok", "web")


def test_scaling_spares_requests(day: tuple[Hello, str]) -> None:
    app, environment = day

    load = app.load(environment)
    app.tagship("scale", "--env", environment, "--service", "worker=2")
    app.tagship("scale", "--env", environment, "--service", "web=3")
    more = [now["name"] for now in json.loads(app.tagship("ps", "--env", environment, "--json"))]
    app.tagship("scale", "--env", environment, "--service", "web=2")
    seen = load.stop()

    fewer = [now["name"] for now in json.loads(app.tagship("ps", "--env", environment, "--json"))]
    assert len(seen["failures"]) <= RESET, seen["failures"]
    assert more == ["web-1", "web-2", "web-3", "worker-1", "worker-2", "cache-1"]
    assert fewer == ["web-1", "web-2", "worker-1", "worker-2", "cache-1"]
    assert app.tagship("exec", "--env", environment, "--service", "worker-2", "--", "cat", "/run/secrets/key") == KEY
    assert app.history(environment)[-1]["why"] == "web: 3 → 2"


def test_an_accessory_is_compared_and_restarted(day: tuple[Hello, str]) -> None:
    app, environment = day

    same = app.tagship("accessories.diff", "--env", environment)
    app.tagship("accessories.restart", "--env", environment, "--name", "cache", "--yes")

    assert same == "All accessories match the Compose file.\n"
    assert app.tagship("accessories.logs", "--env", environment).count("Ready to accept connections") == 2


def test_an_accessorys_port_is_reached_from_here(day: tuple[Hello, str]) -> None:
    app, environment = day
    ask = (
        "import socket; s = socket.create_connection(('127.0.0.1', 16379)); "
        "s.sendall(b'AUTH hunter22-hunter22\\r\\n'); print(s.recv(9))"
    )
    forward = ("port-forward", "--env", environment, "--service", "cache", "--port")
    running = app.start(*forward, "6379", "--local", "16379")
    assert running.stdout

    said = running.stdout.readline()
    answer = app.rig.laptop.run(["python3", "-c", ask]).stdout
    running.send_signal(signal.SIGINT)

    assert said.startswith("127.0.0.1:16379 leads to cache:6379")
    assert answer == "b'+OK\\r\\n'\n"
    assert (running.communicate(timeout=30), running.returncode) == (("", ""), 0)
    assert "accepts no connection at port 6380" in app.run(*forward, "6380").stderr
