"""Lists, connects, starts, stops and removes the containers of releases, and reads their last log lines."""

import hashlib
import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError
from tagship.names import LABEL, NEW, OLD, RESTART, RUN_BY
from tagship.system.parallel import settled

LOG_LINES = 30
_MISSING, _CONFLICT = 404, 409
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between attempts to change a container that is ending; the engine notes an end within milliseconds."""


@dataclass(frozen=True)
class Container:
    """A container of a release, from the engine's list."""

    id: str
    name: str
    project: str
    """The Compose project: a release's name, or APP-ENV-accessories."""
    service: str
    state: str
    status: str
    created: float
    addresses: Mapping[str, str]
    """Network → its fixed address there; empty without one."""
    restart: str = ""
    """Its restart policy while it runs, `always` or `no`; empty for containers of older versions."""
    one_off: bool = False
    """Whether it runs a single command besides its service's containers, such as a migration."""
    run_by: str = ""
    """Who started it with `run`; empty for migrations and for services' containers."""

    @property
    def replacing(self) -> bool:
        """Whether a restart was replacing it, or replaced another by it, and didn't end that."""
        return self.name.endswith((NEW, OLD))

    @property
    def running(self) -> bool:
        """Whether its process runs, or will run again because it is restarting."""
        return self.state in {"running", "restarting", "paused"}


def listed(engine: Engine) -> list[Container]:
    """The containers of all releases and accessories on an engine, of all apps."""
    return [_container(raw) for raw in engine.get("/containers/json", all=True, filters={"label": [f"{LABEL}.app"]})]


def of(engine: Engine, project: str) -> list[Container]:
    """The containers of the services of a Compose project, without migrations."""
    return [container for container in _all_of(engine, project) if not container.one_off]


def connect(engine: Engine, container: Container, network: str, address: str = "") -> None:
    """Connect a container to a network, without an alias, with the given address or any."""
    settings = {"IPAMConfig": {"IPv4Address": address}} if address else {}
    engine.call(
        "POST",
        f"/networks/{network}/connect",
        {"Container": container.id, "EndpointConfig": {"Aliases": [], **settings}},
    )


def choose_address(name: str, subnet: str, taken: set[str]) -> str:
    """An address in the upper half of a subnet that no container has or will have.

    Addresses are fixed, so that when several containers restart at once, none gets another's address while the edge
    still has a connection to it. The engine assigns those in the lower half. Raises CheckError if all are taken.
    """
    network = ipaddress.ip_network(subnet, strict=False)
    half = network.num_addresses // 2
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    for step in range(half - 1):
        address = str(network[half + (start + step) % (half - 1)])
        if address not in taken:
            return address
    raise CheckError(f"Every address of {subnet} is taken.", hint="remove stopped releases, or widen edge.networks")


def start(engine: Engine, containers: Iterable[Container]) -> None:
    """Start containers, all at once. From now on they restart with the engine."""
    things = list(containers)
    calls = [partial(engine.call, "POST", f"/containers/{c.id}/start") for c in things]
    _beside(calls, [partial(come_back, engine, c) for c in things])


def stop(engine: Engine, containers: Iterable[Container], within: int | None = None) -> None:
    """Stop containers, all at once; each gets its own stop_grace_period unless `within` is given.

    They don't restart with the engine.
    """
    things, query = list(containers), {} if within is None else {"t": within}
    calls = [partial(_unless_gone, engine, "POST", f"/containers/{c.id}/stop", **query) for c in things]
    _beside(calls, [partial(_stay_down, engine, c) for c in things])


def is_ending(engine: Engine, container: Container) -> bool:
    """Whether a container that runs was told to stop, as by a deploy that was killed: the engine goes on with that."""
    if not container.running or container.restart in {"", "no"}:
        return False
    policy: str = engine.get(f"/containers/{container.id}/json")["HostConfig"]["RestartPolicy"]["Name"]
    return policy == "no"


def come_back(engine: Engine, container: Container) -> None:
    """Make a container restart with its engine.

    Uses `always`, because an engine that was killed forgets `unless-stopped`. Does nothing for one-shots.
    """
    if _comes_back(engine, container):
        _unless_gone(engine, "POST", f"/containers/{container.id}/update", {"RestartPolicy": {"Name": "always"}})


def _beside(calls: Iterable[Callable[[], object]], changes: Iterable[Callable[[], object]]) -> None:
    """Make calls, all at once, and change restart policies in parallel, sent first but not waited for.

    An engine refuses to change a container that ends at that moment, so such a change is repeated afterwards: a few
    times, because a container that crashes at its start may be ending again.
    """
    refused: list[Callable[[], object]] = []

    def change(work: Callable[[], object]) -> None:
        try:
            work()
        except EngineError:
            refused.append(work)

    jobs: list[Callable[[], object]] = [partial(change, work) for work in changes]
    settled(lambda call: call(), [*jobs, *calls])
    settled(_persistently, refused)


def _persistently(change: Callable[[], object]) -> None:
    for pause in _PAUSES:
        try:
            change()
        except EngineError:
            time.sleep(pause)
        else:
            return
    change()


def _stay_down(engine: Engine, container: Container) -> None:
    """A container of an older version keeps a policy that distinguishes it from a one-shot."""
    if _comes_back(engine, container):
        policy = {"Name": "no" if container.restart else "unless-stopped"}
        _unless_gone(engine, "POST", f"/containers/{container.id}/update", {"RestartPolicy": policy})


def _comes_back(engine: Engine, container: Container) -> bool:
    """Whether it must run until it is stopped. Without the label, its original restart policy decides."""
    if container.restart:
        return container.restart != "no"
    try:
        policy = engine.get(f"/containers/{container.id}/json")["HostConfig"]["RestartPolicy"]["Name"]
    except EngineError as error:
        if error.status != _MISSING:
            raise
        return False
    return policy not in {"", "no"}


def remove(engine: Engine, release: str, *, one_offs: bool = False) -> None:
    """Remove a release's containers, running or not, and its network.

    A migration that still runs stays, with its network: stopping it half-way would be worse than leaving it. With
    `one_offs` the caller knows that none runs. A person's one-off that still runs stays, too.
    """
    found = _all_of(engine, release)
    staying = [c for c in found if c.one_off and c.running and (c.run_by or not one_offs)]
    gone = [container for container in found if container not in staying]
    settled(lambda c: _unless_gone(engine, "DELETE", f"/containers/{c.id}", force=True, v=True), gone)
    if not staying:
        _unless_gone(engine, "DELETE", f"/networks/{release}")


def remove_unstarted(engine: Engine, found: Iterable[Container]) -> None:
    """Remove one-off containers that a killed deploy has made and not started; the engine removes only what has run.

    One that is started at this moment, by what is left of that deploy, stays.
    """

    def remove_one(container: Container) -> None:
        try:
            _unless_gone(engine, "DELETE", f"/containers/{container.id}", v=True)
        except EngineError as error:
            if error.status != _CONFLICT:
                raise

    settled(remove_one, [c for c in found if c.one_off and c.state == "created" and not c.run_by])


def healthcheck(engine: Engine, container: str) -> list[str]:
    """The healthcheck command of a container, from the Compose file or its image; empty if it has none."""
    return probe(engine.get(f"/containers/{container}/json")["Config"])


def probe(config: Mapping[str, Any]) -> list[str]:
    """The healthcheck command in the engine's data of a container or an image."""
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    return [] if test == ["NONE"] else list(test)


def restarts(engine: Engine, container: str) -> int:
    """How often the engine has restarted a container since somebody started it; 0 for one that is gone."""
    try:
        return int(engine.get(f"/containers/{container}/json").get("RestartCount", 0))
    except EngineError as error:
        if error.status != _MISSING:
            raise
        return 0


def last_words(engine: Engine, container: str, *, since: str = "", until: str = "") -> str:
    """The last lines a container printed to both streams, between two times or in its last run with output.

    Times are the engine's, in the format of its API: seconds since the epoch, with nanoseconds after a point.
    """
    if since or until:
        return _printed(engine, container, tail=10 * LOG_LINES, since=since or "0", until=until or "0")
    began = engine.get(f"/containers/{container}/json")["State"].get("StartedAt") or ""
    try:
        last = f"{datetime.fromisoformat(began).timestamp():.6f}"
    except ValueError:
        last = "0"
    return _printed(engine, container, tail=LOG_LINES, since=last) or _printed(engine, container, tail=LOG_LINES)


def _printed(engine: Engine, container: str, **which: object) -> str:
    raw = engine.text(f"/containers/{container}/logs", stdout=1, stderr=1, **which)
    text, at = b"", 0
    while at + 8 <= len(raw):
        size = int.from_bytes(raw[at + 4 : at + 8], "big")
        text, at = text + raw[at + 8 : at + 8 + size], at + 8 + size
    return "\n".join(text.decode(errors="replace").rstrip().splitlines()[-LOG_LINES:])


def _all_of(engine: Engine, project: str) -> list[Container]:
    found = engine.get("/containers/json", all=True, filters={"label": [f"com.docker.compose.project={project}"]})
    return [_container(raw) for raw in found]


def _container(raw: dict[str, Any]) -> Container:
    labels = raw["Labels"]
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        id=raw["Id"],
        name=raw["Names"][0].lstrip("/"),
        project=labels.get("com.docker.compose.project", ""),
        service=labels.get("com.docker.compose.service", ""),
        state=raw["State"],
        status=raw["Status"],
        created=raw["Created"],
        one_off=labels.get("com.docker.compose.oneoff") == "True",
        addresses={n: (s.get("IPAMConfig") or {}).get("IPv4Address") or "" for n, s in networks.items()},
        restart=labels.get(RESTART, ""),
        run_by=labels.get(RUN_BY, ""),
    )


def _unless_gone(engine: Engine, method: str, path: str, body: object = None, **query: object) -> None:
    try:
        engine.call(method, path, body, **query)
    except EngineError as error:
        if error.status != _MISSING:
            raise
