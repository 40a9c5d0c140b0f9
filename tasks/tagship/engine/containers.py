"""The containers of releases on an engine: listed, connected, stopped, removed, their last words read."""

import hashlib
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError
from tagship.names import LABEL, RESTART
from tagship.system.parallel import settled

LOG_LINES = 30
_MISSING = 404


@dataclass(frozen=True)
class Container:
    """One container of a release, as the engine lists it."""

    id: str
    name: str
    project: str
    """The Compose project: a release's name, or APP-ENV-accessories."""
    service: str
    state: str
    status: str
    created: float
    addresses: Mapping[str, str]
    """Network → the address it is to have there, where one was chosen for it."""
    restart: str = ""
    """Its restart policy while it is to run, `always` or `no`; empty when a version without that label made it."""
    one_off: bool = False
    """Whether it runs one command, beside the containers that make its service: a migration."""

    @property
    def running(self) -> bool:
        """Whether its process runs, a restarting one's too: it will again."""
        return self.state in {"running", "restarting", "paused"}


def listed(engine: Engine) -> list[Container]:
    """Every release's and accessory's containers on an engine, of all apps."""
    return [_container(raw) for raw in engine.get("/containers/json", all=True, filters={"label": [f"{LABEL}.app"]})]


def of(engine: Engine, project: str) -> list[Container]:
    """The containers of one Compose project that make its services: a migration's isn't among them."""
    return [container for container in _all_of(engine, project) if not container.one_off]


def connect(engine: Engine, container: Container, network: str, address: str = "") -> None:
    """Put a container on a network, without an alias; with an address of its own, or any."""
    settings = {"IPAMConfig": {"IPv4Address": address}} if address else {}
    engine.call(
        "POST",
        f"/networks/{network}/connect",
        {"Container": container.id, "EndpointConfig": {"Aliases": [], **settings}},
    )


def choose_address(name: str, subnet: str, taken: set[str]) -> str:
    """An address in the upper half of a subnet that no container has or waits for.

    Fixed, so that when several containers restart at once none gets another's address while the edge still holds a
    connection to it; the lower half is the engine's to hand out. Raises CheckError when all are taken.
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
    """Start containers, all at once; from now on they come back with their engine."""
    things = list(containers)
    calls = [partial(engine.call, "POST", f"/containers/{c.id}/start") for c in things]
    _beside(calls, [partial(come_back, engine, c) for c in things])


def stop(engine: Engine, containers: Iterable[Container], within: int | None = None) -> None:
    """Stop containers, all at once; each gets its own stop_grace_period unless `within` says otherwise.

    They stay down when their engine starts again.
    """
    things, query = list(containers), {} if within is None else {"t": within}
    calls = [partial(_unless_gone, engine, "POST", f"/containers/{c.id}/stop", **query) for c in things]
    _beside(calls, [partial(_stay_down, engine, c) for c in things])


def come_back(engine: Engine, container: Container) -> None:
    """Have a container start with its engine: `always`, as `unless-stopped` forgets one whose engine was killed.

    One that ends by itself is left as it is.
    """
    if _comes_back(engine, container):
        _unless_gone(engine, "POST", f"/containers/{container.id}/update", {"RestartPolicy": {"Name": "always"}})


def _beside(calls: Iterable[Callable[[], object]], changes: Iterable[Callable[[], object]]) -> None:
    """Make calls, all at once, and change restart policies meanwhile: asked for first, but not waited for.

    An engine refuses, and takes back, the change of a container that ends at that moment: it is made again afterwards.
    """
    refused: list[Callable[[], object]] = []

    def change(work: Callable[[], object]) -> None:
        try:
            work()
        except EngineError:
            refused.append(work)

    jobs: list[Callable[[], object]] = [partial(change, work) for work in changes]
    settled(lambda call: call(), [*jobs, *calls])
    settled(lambda call: call(), refused)


def _stay_down(engine: Engine, container: Container) -> None:
    """An older version's keeps a policy that tells it from one that ends by itself."""
    if _comes_back(engine, container):
        policy = {"Name": "no" if container.restart else "unless-stopped"}
        _unless_gone(engine, "POST", f"/containers/{container.id}/update", {"RestartPolicy": policy})


def _comes_back(engine: Engine, container: Container) -> bool:
    """Whether it is to run until somebody stops it. Where no label says so, the policy it was made with does."""
    if container.restart:
        return container.restart != "no"
    try:
        policy = engine.get(f"/containers/{container.id}/json")["HostConfig"]["RestartPolicy"]["Name"]
    except EngineError as error:
        if error.status != _MISSING:
            raise
        return False
    return policy not in {"", "no"}


def remove(engine: Engine, release: str) -> None:
    """Remove a release's containers, running or not, and its network.

    A migration that still runs goes on, and keeps the network: ending it half-way is worse than leaving it.
    """
    found = _all_of(engine, release)
    migrating = [container for container in found if container.one_off and container.running]
    gone = [container for container in found if container not in migrating]
    settled(lambda c: _unless_gone(engine, "DELETE", f"/containers/{c.id}", force=True, v=True), gone)
    if not migrating:
        _unless_gone(engine, "DELETE", f"/networks/{release}")


def healthcheck(engine: Engine, container: str) -> list[str]:
    """The command that tells whether a container is well: the Compose file's or its image's; empty when it has none."""
    return probe(engine.get(f"/containers/{container}/json")["Config"])


def probe(config: Mapping[str, Any]) -> list[str]:
    """The same, of what the engine says of a container or an image."""
    test = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    return [] if test == ["NONE"] else list(test)


def last_words(engine: Engine, container: str, *, since: str = "", until: str = "") -> str:
    """The last lines a container printed, both streams: between two times, or in its last run that said anything.

    Times are the engine's, as its API takes them: seconds since the epoch, with nanoseconds behind a point.
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
    )


def _unless_gone(engine: Engine, method: str, path: str, body: object = None, **query: object) -> None:
    try:
        engine.call(method, path, body, **query)
    except EngineError as error:
        if error.status != _MISSING:
            raise
