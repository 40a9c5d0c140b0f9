"""What each container of an environment does now: state, health, restarts, CPU and memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tagship.engine import stats
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import EngineError
from tagship.server.present import Present
from tagship.system.parallel import together

_MISSING = 404


@dataclass(frozen=True)
class Now:
    """A container, as `ps --json` prints it."""

    name: str
    """Its service and number, `web-2`; `web-run-1a2b3c` for a one-off."""
    service: str
    kind: str
    """`service`, `accessory`, or `one-off`."""
    release: str
    state: str
    """The engine's: running, restarting, exited, …"""
    health: str
    """`healthy`, `unhealthy` or `starting`; empty without a healthcheck."""
    exit_code: int | None
    """Of a container that doesn't run."""
    out_of_memory: bool
    restarts: int
    """How often the engine has started it again."""
    started: str
    """ISO 8601, by the server's clock."""
    cpu: float | None
    """Percent of one processor."""
    memory: int | None
    """Bytes."""
    memory_limit: int | None
    """Bytes; None without a limit."""
    by: str = ""
    """Who started a one-off."""


def read(engine: Engine, present: Present, *, every: bool = False) -> list[Now]:
    """The live release's containers, the accessories', and one-offs that run. `every`: of all releases that stand."""
    ours = [
        c
        for c in present.containers
        if every or c.project in {present.live, present.place.accessories} or (c.one_off and c.running)
    ]
    order = {present.live: 0, present.place.accessories: 1}
    ours.sort(key=lambda c: (c.one_off, order.get(c.project, 2), c.project, c.name))
    return [now for now in together(lambda c: _read(engine, present, c), ours) if now]


def _read(engine: Engine, present: Present, container: Container) -> Now | None:
    try:
        found = engine.get(f"/containers/{container.id}/json")
        used = stats.usage(engine, container.id) if found["State"]["Status"] == "running" else None
    except EngineError as error:
        if error.status != _MISSING:
            raise
        return None  # it ended meanwhile
    accessory = container.project == present.place.accessories
    kind = "one-off" if container.one_off else "accessory" if accessory else "service"
    return described(container, found, used, kind)


def described(container: Container, found: Mapping[str, Any], used: stats.Usage | None, kind: str) -> Now:
    """What the engine's answers say of a container. Pure."""
    state = found["State"]
    running = state["Status"] in {"running", "restarting", "paused"}
    return Now(
        name=container.name.removeprefix(f"{container.project}-"),
        service=container.service,
        kind=kind,
        release=container.project,
        state=state["Status"],
        health=(state.get("Health") or {}).get("Status", "").replace("none", "") if running else "",
        exit_code=None if running or state["Status"] == "created" else state.get("ExitCode"),
        out_of_memory=bool(state.get("OOMKilled")),
        restarts=found.get("RestartCount", 0),
        started=state.get("StartedAt", "") if running else "",
        cpu=round(used.cpu, 1) if used else None,
        memory=used.memory if used else None,
        memory_limit=found["HostConfig"].get("Memory") or None,
        by=container.run_by,
    )
