"""Starts containers in dependency order and waits, through the engine's events, until they are ready."""

import queue
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tagship.engine.client import Engine
from tagship.engine.containers import Container, come_back, healthcheck, last_words, start
from tagship.engine.quirks import START_INTERVAL_API
from tagship.errors import RolloutError, TagshipError
from tagship.release.model import ends
from tagship.system.parallel import settled
from tagship.system.threads import Thread

GLANCE_EVERY = 1.0
"""Seconds without an event before the containers are inspected anyway, because a stream can miss its first moments."""
PROBE_FIRST, PROBE_MOST = 0.1, 1.0
"""Seconds between our own checks on engines without start_interval; they grow by half."""

FAR = 0.08
"""Seconds. If reaching the engine took this long, its own check, every 0.25 s while starting, is faster than ours."""
PROBE_WITHIN = 30.0
"""Time limit in seconds for a check without one: Docker's default."""
_PROBED = "tagship: probed"

Event = dict[str, Any]


class Events:
    """The engine's events for the containers of one Compose project, from now on."""

    def __init__(self, engine: Engine, project: str) -> None:
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        ours = {"type": ["container"], "label": [f"com.docker.compose.project={project}"]}
        self._stream = engine.stream("GET", "/events", filters=ours)
        Thread(target=self._read, name="tagship-events", daemon=True).start()

    def next(self, within: float) -> Event | None:
        """The next event, or None if there is none for that long."""
        try:
            return self._queue.get(timeout=within)
        except queue.Empty:
            return None

    def put(self, event: Event) -> None:
        """Add an event of our own."""
        self._queue.put(event)

    def _read(self) -> None:
        try:
            for event in self._stream:
                self._queue.put(event)
        except (TagshipError, OSError, ValueError, AttributeError):
            return  # the engine is gone, which the next call reports, or this task closed the connection at its end


class Starting:
    """Brings some services of a Compose project from created to ready."""

    def __init__(
        self, engine: Engine, model: Mapping[str, Any], containers: Iterable[Container], within: float
    ) -> None:
        self._engine = engine
        self._project = model["name"]
        self._services: Mapping[str, Any] = model["services"]
        self._containers = {container.id: container for container in containers}
        self._within = within
        self._started = {container.id for container in self._containers.values() if container.running}
        self._ready: set[str] = set()
        self._looks = 0
        self._began: dict[str, str] = {}
        """Container → a moment just before it was started, by the engine's clock."""
        self._probing: set[str] = set()
        self._events: Events
        self._probe_pause = PROBE_FIRST

    def run(self) -> None:
        """Start and wait.

        Raises RolloutError with the last log lines as soon as a container crashes, or at the deadline.
        """
        events = self._events = Events(self._engine, self._project)
        deadline = time.monotonic() + self._within
        if self._started:
            self._look()  # containers of a killed deploy run already, and may be ready
            settled(lambda c: come_back(self._engine, c), [c for c in self._containers.values() if c.running])
        self._start_those_that_can()
        while len(self._ready) < len(self._containers):
            event = events.next(min(self._patience(), max(0.0, deadline - time.monotonic())))
            if event:
                self._take(event)
            else:
                self._look()
            self._start_those_that_can()
            waiting = [container for container in self._containers.values() if container.id not in self._ready]
            if waiting and time.monotonic() > deadline:
                raise self._failed(waiting[0], f"was not ready within {self._within:g} s")

    def _start_those_that_can(self) -> None:
        able = [c for c in self._containers.values() if c.id not in self._started and self._may_start(c.service)]
        # the engine's clock is only known to the second
        self._began |= {container.id: f"{self._engine.now() - 1:.6f}" for container in able}
        start(self._engine, able)
        for container in able:
            self._started.add(container.id)
            if not self._checks_itself(container) and not ends({"services": self._services}, container.service):
                self._ready.add(container.id)
        if any(not self._checks_itself(container) for container in able):
            self._start_those_that_can()

    def _may_start(self, service: str) -> bool:
        needed = self._services[service].get("depends_on") or {}
        for other, how in needed.items():
            reached = self._started if how.get("condition") == "service_started" else self._ready
            if any(c.service == other and c.id not in reached for c in self._containers.values()):
                return False
        return True

    def _checks_itself(self, container: Container) -> bool:
        check = self._services[container.service].get("healthcheck")
        if check is None:  # the image may have one
            return bool(healthcheck(self._engine, container.id))
        return not check.get("disable")

    def _take(self, event: Event) -> None:
        container = self._containers.get(event["Actor"]["ID"])
        if container is None:
            return
        action = event["Action"]
        if action == _PROBED:
            self._probing.discard(container.id)
            if event["healthy"]:
                self._ready.add(container.id)
        elif action == "die":
            code = event["Actor"]["Attributes"].get("exitCode", "?")
            if code == "0" and ends({"services": self._services}, container.service):
                self._ready.add(container.id)
            else:
                raise self._failed(container, f"ended with exit code {code} while starting", until=_time(event))
        elif action == "oom":
            raise self._failed(container, "ran out of memory while starting")
        elif action == "health_status: healthy":
            self._ready.add(container.id)

    def _patience(self) -> float:
        """Seconds to wait for an event before inspecting the containers."""
        return self._probe_pause if self._probes_itself() else GLANCE_EVERY

    def _probes_itself(self) -> bool:
        """Whether to run a container's check ourselves: once, early, and always on engines that check rarely.

        Many apps are up before the engine's first check. Our own check takes three round trips; from far away, the
        engine's is faster.
        """
        if self._engine.api < START_INTERVAL_API:
            return True
        return self._looks == 0 and self._engine.distance < FAR

    def _look(self) -> None:
        """Inspect the containers when no event comes; on engines that check rarely, also run the checks."""
        for container in self._containers.values():
            if container.id in self._started - self._ready:
                self._judge(container)
        self._looks += 1
        self._probe_pause = min(PROBE_MOST, self._probe_pause * 1.5)

    def _judge(self, container: Container) -> None:
        """Inspect one container. Raises RolloutError if it has ended unexpectedly."""
        found = self._engine.get(f"/containers/{container.id}/json")
        state = found["State"]
        health, one_shot = state.get("Health", {}).get("Status"), ends({"services": self._services}, container.service)
        if state["Status"] == "exited":
            if not one_shot or state["ExitCode"]:
                raise self._failed(container, f"ended with exit code {state['ExitCode']} while starting")
            self._ready.add(container.id)
        elif health is None:
            if state["Status"] == "running" and not one_shot:
                self._ready.add(container.id)
        elif health == "healthy":
            self._ready.add(container.id)
        elif self._probes_itself() and container.id not in self._probing:
            self._probing.add(container.id)
            probe = Probe(self._engine, container.id, found["Config"].get("Healthcheck") or {})
            Thread(target=probe.run, args=(self._events,), name="tagship-probe", daemon=True).start()

    def _failed(self, container: Container, how: str, until: str = "") -> RolloutError:
        """The error, with the output up to that time, because a restarted container prints the same again."""
        words = last_words(self._engine, container.id, since=self._began.get(container.id, ""), until=until)
        log = "\n".join(f"  {container.service} | {line}" for line in words.splitlines()) or "  (it printed nothing)"
        checked = "" if until else self._last_check(container)
        return RolloutError(f"{container.service} {how}{checked}:\n{log}", hint="correct that, then deploy again")

    def _last_check(self, container: Container) -> str:
        """The last line of its last failed healthcheck, in parentheses; empty if there was none."""
        health = self._engine.get(f"/containers/{container.id}/json")["State"].get("Health") or {}
        for check in reversed(health.get("Log") or ()):
            lines = (check.get("Output") or "").strip().splitlines()
            return f" (healthcheck, exit code {check['ExitCode']}: {lines[-1] if lines else 'no output'})"
        return ""


@dataclass(frozen=True)
class Probe:
    """A container's own healthcheck, run once like the engine does; in a thread, because it may hang."""

    engine: Engine
    container: str
    check: Mapping[str, Any]
    """`Healthcheck` in the engine's format: Test, and Timeout in nanoseconds."""

    def run(self, events: Events) -> None:
        """Report the result as an event; at its own timeout, the check has failed."""
        try:
            healthy = self.passes()
        except (TagshipError, OSError):
            healthy = False  # it isn't running, so its `die` event follows; or it takes too long
        events.put({"Action": _PROBED, "Actor": {"ID": self.container, "Attributes": {}}, "healthy": healthy})

    def passes(self) -> bool:
        """Whether it passes now. Raises OSError at its own timeout, EngineError if the container doesn't run."""
        test = list(self.check.get("Test") or ["NONE"])
        argv = ["/bin/sh", "-c", *test[1:]] if test[:1] == ["CMD-SHELL"] else test[1:]
        deadline = time.monotonic() + ((self.check.get("Timeout") or 0) / 1e9 or PROBE_WITHIN)
        stream = self.engine.hijack(self.container, argv)
        try:
            stream.limit(max(0.001, deadline - time.monotonic()))
            while stream.read()[0]:
                stream.limit(max(0.001, deadline - time.monotonic()))
        finally:
            stream.close()
        return self.engine.exit_code(stream) == 0


def _time(event: Event) -> str:
    """The time of an event in the format of the engine's API; empty if unknown."""
    nanoseconds = int(event.get("timeNano") or 0)
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}" if nanoseconds else ""
