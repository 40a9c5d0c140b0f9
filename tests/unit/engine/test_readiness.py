"""Starts containers in dependency order and waits until they are ready."""

from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from typing import Any, BinaryIO

import pytest

from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.readiness import Starting
from tagship.errors import RolloutError
from tests.fakes.servers import Answer, Request, Server

CHECK = {"test": ["CMD-SHELL", "curl localhost"]}
NEVER = 20.0
OLD_API = (1, 41)
"""Of an engine that knows no start_interval: we probe ourselves, ten times a second at first."""


def container(service: str, state: str = "created") -> Container:
    """The one container of a service; its id is the service's name."""
    return Container(service, f"p-{service}-1", "p", service, state, "", 0, {}, "no")


class Containers:
    """What an engine does with containers: they start, and what happens to them is told as events."""

    def __init__(self, daemon: Server, *services: str) -> None:
        self.daemon = daemon
        self.events: SimpleQueue[object] = SimpleQueue()
        self.then: dict[str, list[tuple[str, dict[str, str]]]] = {}
        """What happens to a service once it is started."""
        self.after: dict[str, tuple[str, str]] = {}
        """What happens to another one once a service is started."""
        daemon.answers["GET /events"] = Answer(lines=iter(self.events.get, None))
        for service in services:
            daemon.answers |= {
                f"POST /containers/{service}/start": self._started,
                f"GET /containers/{service}/logs": Answer(body=self._frames(f"{service} says why\n".encode())),
            }
            self.state(service, "running", health="starting")

    def state(  # noqa: PLR0913 - what a container can be
        self, service: str, status: str, *, code: int = 0, health: str = "", check: object = None, said: str = ""
    ) -> None:
        """What looking at a container shows; `said`: the output of its last healthcheck."""
        log = [{"ExitCode": 1, "Output": said}] if said else []
        state = {"Status": status, "ExitCode": code, **({"Health": {"Status": health, "Log": log}} if health else {})}
        self.daemon.answers[f"GET /containers/{service}/json"] = Answer(
            body={"State": state, "Config": {"Healthcheck": check} if check else {}}
        )

    def happens(self, service: str, action: str, **attributes: str) -> None:
        """Tell an event."""
        self.events.put({"Action": action, "Actor": {"ID": service, "Attributes": attributes}})

    def _started(self, request: Request) -> Answer:
        service = request.path.split("/")[2]
        for action, attributes in self.then.get(service, ()):
            self.happens(service, action, **attributes)
        if service in self.after:
            self.happens(*self.after[service])
        return Answer(204)

    def _frames(self, text: bytes) -> bytes:
        return b"\2\0\0\0" + len(text).to_bytes(4, "big") + text

    @property
    def started(self) -> list[str]:
        """The services started, in order."""
        return [request.path.split("/")[2] for request in self.daemon.requests if request.path.endswith("/start")]


@pytest.fixture
def containers(daemon: Server) -> Iterator[Containers]:
    """Those of services `db`, `job` and `web`."""
    made = Containers(daemon, "db", "job", "web")
    yield made
    made.events.put(None)


def starting(engine: Engine, services: Mapping[str, Any], *states: str, within: float = NEVER) -> Starting:
    """All services of a project on their way; `states` are their containers', in order, created if not given."""
    found = [
        container(name, state) for name, state in zip(services, [*states, *["created"] * len(services)], strict=False)
    ]
    return Starting(engine, {"name": "p", "services": services}, found, within)


def test_without_a_health_check_started_is_ready(engine: Engine, containers: Containers) -> None:
    starting(engine, {"web": {}, "job": {}}).run()

    assert sorted(containers.started) == ["job", "web"]


def test_a_service_waits_until_what_it_depends_on_is_healthy(engine: Engine, containers: Containers) -> None:
    containers.then = {"db": [("health_status: healthy", {})], "web": [("health_status: healthy", {})]}

    starting(
        engine,
        {
            "web": {"healthcheck": CHECK, "depends_on": {"db": {"condition": "service_healthy"}}},
            "db": {"healthcheck": CHECK},
        },
    ).run()

    assert containers.started == ["db", "web"]


def test_a_service_that_only_needs_another_started_does_not_wait_for_its_health(
    engine: Engine, containers: Containers
) -> None:
    containers.then = {"web": [("health_status: healthy", {})]}
    services = {
        "web": {"healthcheck": CHECK, "depends_on": {"db": {"condition": "service_started"}}},
        "db": {"healthcheck": CHECK},
    }
    containers.after["web"] = ("db", "health_status: healthy")

    starting(engine, services).run()

    assert containers.started == ["db", "web"]


def test_a_health_check_of_the_images_own_is_waited_for(engine: Engine, containers: Containers) -> None:
    containers.state("web", "running", health="starting", check={"Test": ["CMD", "x"]})
    containers.then = {"web": [("health_status: unhealthy", {}), ("health_status: healthy", {})]}

    starting(engine, {"web": {}}).run()


@pytest.mark.parametrize("check", [{"disable": True}, None])
def test_a_health_check_that_was_switched_off_is_not_waited_for(
    engine: Engine, containers: Containers, check: Mapping[str, Any] | None
) -> None:
    containers.state("web", "running", check={"Test": ["NONE"]})

    starting(engine, {"web": {"healthcheck": check}}).run()

    assert containers.started == ["web"]


def test_a_crash_is_noticed_at_once_and_says_its_last_words(engine: Engine, containers: Containers) -> None:
    containers.then = {"web": [("die", {"exitCode": "3"})]}

    with pytest.raises(RolloutError) as caught:
        starting(engine, {"web": {"healthcheck": CHECK}}).run()

    assert caught.value.problem == "web ended with exit code 3 while starting:\n  web | web says why"


def test_running_out_of_memory_is_said_so(engine: Engine, containers: Containers) -> None:
    containers.then = {"web": [("oom", {})]}

    with pytest.raises(RolloutError, match="web ran out of memory while starting"):
        starting(engine, {"web": {"healthcheck": CHECK}}).run()


def test_what_printed_nothing_is_said_to_have_printed_nothing(engine: Engine, containers: Containers) -> None:
    containers.daemon.answers["GET /containers/web/logs"] = Answer()
    containers.then = {"web": [("die", {"exitCode": "3"})]}

    with pytest.raises(RolloutError, match=r"\(it printed nothing\)"):
        starting(engine, {"web": {"healthcheck": CHECK}}).run()


AFTER_JOB = {"job": {}, "web": {"depends_on": {"job": {"condition": "service_completed_successfully"}}}}


def test_a_one_shot_is_ready_when_it_has_ended_well(engine: Engine, containers: Containers) -> None:
    containers.then = {"job": [("die", {"exitCode": "0"})]}

    starting(engine, AFTER_JOB).run()

    assert containers.started == ["job", "web"]


def test_a_one_shot_that_fails_stops_the_start(engine: Engine, containers: Containers) -> None:
    containers.then = {"job": [("die", {"exitCode": "1"})]}

    with pytest.raises(RolloutError, match="job ended with exit code 1 while starting"):
        starting(engine, AFTER_JOB).run()

    assert containers.started == ["job"]


def test_a_one_shot_that_ended_while_nobody_looked_is_ready(engine: Engine, containers: Containers) -> None:
    containers.state("job", "exited", code=0)

    starting(engine, AFTER_JOB, "running").run()

    assert containers.started == ["web"]


def test_a_one_shot_that_failed_while_nobody_looked_stops_the_start(engine: Engine, containers: Containers) -> None:
    containers.state("job", "exited", code=1)

    with pytest.raises(RolloutError, match="job ended with exit code 1"):
        starting(engine, AFTER_JOB, "running").run()

    assert containers.started == []


def test_a_one_shot_that_still_runs_is_not_ready(engine: Engine, containers: Containers) -> None:
    engine.api = OLD_API
    containers.state("job", "running")

    with pytest.raises(RolloutError, match="was not ready within"):
        starting(engine, AFTER_JOB, "running", within=0).run()

    assert "web" not in containers.started


def test_others_containers_and_what_exits_by_the_way_are_nobodys_business(
    engine: Engine, containers: Containers
) -> None:
    containers.then = {"web": [("exec_create: sh", {}), ("health_status: healthy", {})]}
    containers.happens("another", "die", exitCode="1")

    starting(engine, {"web": {"healthcheck": CHECK}}).run()


def test_what_a_killed_deploy_started_is_looked_at_and_not_started_again(
    engine: Engine, containers: Containers
) -> None:
    containers.state("web", "running", health="healthy")

    starting(engine, {"web": {"healthcheck": CHECK}}, "running").run()

    assert containers.started == []


@pytest.mark.parametrize(("state", "ready"), [("running", True), ("restarting", False), ("paused", False)])
def test_what_a_killed_deploy_started_without_a_health_check_is_ready_when_it_runs(
    engine: Engine, containers: Containers, state: str, *, ready: bool
) -> None:
    containers.state("web", state)
    under_way = starting(engine, {"web": {}}, "running", within=0)

    if ready:
        under_way.run()
    else:
        with pytest.raises(RolloutError, match="web was not ready"):
            under_way.run()


def test_what_is_ready_at_the_last_moment_is_ready(engine: Engine, containers: Containers) -> None:
    containers.state("web", "running", health="healthy")

    starting(engine, {"web": {"healthcheck": CHECK}}, within=0).run()


def test_what_does_not_get_ready_is_given_up_at_the_deadline(engine: Engine, containers: Containers) -> None:
    engine.api = OLD_API
    containers.state("web", "running", health="starting")

    with pytest.raises(RolloutError, match=r"web was not ready within 0 s:\n  web \| web says why"):
        starting(engine, {"web": {"healthcheck": CHECK}}, within=0).run()


def test_what_does_not_get_ready_says_what_its_healthcheck_said(engine: Engine, containers: Containers) -> None:
    engine.api = OLD_API
    containers.state("web", "running", health="starting", said="Traceback\nHTTP Error 404: Not Found\n")

    with pytest.raises(RolloutError, match=r"within 0 s \(healthcheck, exit code 1: HTTP Error 404: Not Found\):\n"):
        starting(engine, {"web": {"healthcheck": CHECK}}, within=0).run()


@pytest.mark.parametrize(
    ("test", "argv"),
    [
        (["CMD-SHELL", "curl localhost"], ["/bin/sh", "-c", "curl localhost"]),
        (["CMD", "curl", "localhost"], ["curl", "localhost"]),
    ],
)
def test_an_engine_that_probes_too_rarely_is_helped(
    engine: Engine, containers: Containers, test: list[str], argv: list[str]
) -> None:
    engine.api = OLD_API
    containers.state("web", "running", health="starting", check={"Test": test})

    def end(_: BinaryIO, frames: BinaryIO) -> None:
        frames.write(b"\1\0\0\0\0\0\0\1x")

    containers.daemon.answers |= {
        "POST /containers/web/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(101, hijack=end),
        "GET /exec/e1/json": [
            Answer(body={"Running": False, "ExitCode": 1}),
            Answer(body={"Running": False, "ExitCode": 0}),
        ],
    }

    starting(engine, {"web": {"healthcheck": CHECK}}).run()

    (probe, *_) = containers.daemon.asked("POST /containers/web/exec")
    assert probe.json()["Cmd"] == argv
    assert len(containers.daemon.asked("GET /exec/e1/json")) == 2


def hanging(containers: Containers, then: str = "") -> None:
    """A health check of `web` that never ends; meanwhile something else may happen."""
    containers.state("web", "running", health="starting", check={"Test": ["CMD", "x"], "Timeout": 10**12})

    def hang(commands: BinaryIO, _: BinaryIO) -> None:
        if then:
            containers.happens("web", then)
        commands.read()

    containers.daemon.answers |= {
        "POST /containers/web/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(101, hijack=hang),
    }


def test_a_check_that_hangs_holds_nobody_up(engine: Engine, containers: Containers) -> None:
    hanging(containers, then="health_status: healthy")

    starting(engine, {"web": {"healthcheck": CHECK}}).run()


def test_a_check_that_hangs_does_not_outlast_the_deadline(engine: Engine, containers: Containers) -> None:
    hanging(containers)

    with pytest.raises(RolloutError, match=r"web was not ready within 0\.3 s"):
        starting(engine, {"web": {"healthcheck": CHECK}}, within=0.3).run()


def test_a_check_has_its_own_time_limit(engine: Engine, containers: Containers) -> None:
    engine.api = OLD_API
    hanging(containers)
    check = {"Test": ["CMD", "x"], "Timeout": 10**6}
    containers.state("web", "running", health="starting", check=check)

    with pytest.raises(RolloutError, match="web was not ready"):
        starting(engine, {"web": {"healthcheck": CHECK}}, within=0.5).run()

    assert len(containers.daemon.asked("POST /containers/web/exec")) > 1


def test_a_crash_says_only_what_was_printed_until_then(engine: Engine, containers: Containers) -> None:
    containers.events.put(
        {"Action": "die", "Actor": {"ID": "web", "Attributes": {"exitCode": "1"}}, "timeNano": 1795547356235786679}
    )

    with pytest.raises(RolloutError):
        starting(engine, {"web": {"healthcheck": CHECK}}).run()

    (asked,) = containers.daemon.asked("GET /containers/web/logs")
    assert asked.query["until"] == "1795547356.235786679"
    assert float(asked.query["since"]) == pytest.approx(engine.now(), abs=30)


def test_a_death_whose_event_was_missed_is_seen_all_the_same(engine: Engine, containers: Containers) -> None:
    engine.api = OLD_API
    containers.state("web", "exited", code=7)

    with pytest.raises(RolloutError, match="web ended with exit code 7"):
        starting(engine, {"web": {"healthcheck": CHECK}}).run()
