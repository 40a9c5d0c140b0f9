"""Restarts a live release's containers, each replaced by one like it if it answers requests."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tagship.edge.caddy import NETWORK
from tagship.engine import containers
from tagship.engine.containers import Container
from tagship.engine.readiness import Starting
from tagship.names import NEW, OLD
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.server.attach import attachments
from tagship.server.drain import POLL
from tagship.server.one_off import copy_files, files
from tagship.server.target import LockedServer
from tagship.system.parallel import settled
from tagship.system.signals import uninterrupted

_KEPT = (
    "Image", "Env", "User", "Cmd", "Entrypoint", "WorkingDir", "Healthcheck", "ExposedPorts", "StopSignal",
    "StopTimeout", "Domainname", "Tty", "OpenStdin", "StdinOnce",
)  # fmt: skip
HOLDS = "holds requests for up to 10 s while it restarts; if it takes longer, they fail"
_NUMBER = "com.docker.compose.container-number"


def groups(
    rendered: Rendered, there: Iterable[Container], services: Sequence[str]
) -> list[tuple[str, list[Container]]]:
    """Each service's containers, services in the order of their dependencies; one-shots aren't restarted."""
    wanted = [s for s in rendered.order if (not services or s in services) and not rendered.ends(s)]
    ours = sorted(there, key=lambda c: c.name)
    found = [(service, [c for c in ours if c.service == service]) for service in wanted]
    return [(service, these) for service, these in found if these]


class Rolling:
    """One container after another, with the lock held."""

    def __init__(self, environment: LockedServer, rendered: Rendered, progress: Progress) -> None:
        self._environment = environment
        self._rendered = rendered
        self._progress = progress

    def restart(self, these: Sequence[Container]) -> None:
        """Restart a service's containers. Raises RolloutError; the containers after it weren't touched."""
        for container in these:
            self._environment.lease.check()
            with self._progress.step(f"Restart {short(container)} and wait until ready"):
                found = self._environment.engine.get(f"/containers/{container.id}/json")
                if replaceable(self._rendered, container.service, found):
                    self._replace(container, found)
                else:
                    self._again(container, len(these), found)

    def _replace(self, container: Container, found: Mapping[str, Any]) -> None:
        """Start the same anew beside it; when that is ready, give it the name by which the edge dials it.

        The edge's configuration stays as it is, so no connection of a client is closed; its own to the old container
        are used no more. Between the two renamings, which take milliseconds, nobody has the name, and the edge tries
        again.
        """
        engine, name = self._environment.engine, container.name
        removed(self._environment, container.project, [f"{name}{NEW}", f"{name}{OLD}"])  # of one that was killed
        try:
            (new,) = created(self._environment, self._rendered, container, found, [f"{name}{NEW}"])
        except BaseException:
            with uninterrupted():
                removed(self._environment, container.project, [f"{name}{NEW}"])
            raise
        with uninterrupted():
            engine.call("POST", f"/containers/{container.id}/rename", name=f"{name}{OLD}")
            engine.call("POST", f"/containers/{new.id}/rename", name=name)
            self._environment.edge.renew()
        drained(self._environment, [container])
        containers.stop(engine, [container])
        removed(self._environment, container.project, [f"{name}{OLD}"])

    def _again(self, container: Container, count: int, found: Mapping[str, Any]) -> None:
        if count == 1 and _routed(self._rendered, container.service):
            why = "publishes a port" if _published(found) else "never runs twice"
            self._progress.note(f"{container.service} {why}, so the edge {HOLDS}")
        engine, model = self._environment.engine, self._rendered.model
        containers.stop(engine, [container])
        within = self._environment.settings.release.ready_within
        Starting(engine, model, [replace(container, state="exited")], within).run()


def short(container: Container) -> str:
    """Its service and number."""
    return container.name.removeprefix(f"{container.project}-")


def replaceable(rendered: Rendered, service: str, found: Mapping[str, Any]) -> bool:
    """Whether a service's container may run twice for a while: it has a route, but no port of the server. Pure."""
    return _routed(rendered, service) and service not in rendered.release.shape.alone and not _published(found)


def _published(found: Mapping[str, Any]) -> bool:
    return any((found["HostConfig"].get("PortBindings") or {}).values())


def _routed(rendered: Rendered, service: str) -> bool:
    return any(route.service == service for route in rendered.release.shape.routes)


def created(
    environment: LockedServer, rendered: Rendered, like: Container, found: Mapping[str, Any], names: Sequence[str]
) -> list[Container]:
    """Create containers of these names like one that is there, start them, and wait until they are ready.

    `found`: that one, inspected. Raises RolloutError.
    """
    engine = environment.engine
    for name in names:
        number = name.removesuffix(NEW).rpartition("-")[2]
        wanted = wanted_replica(found, like.project, int(number))
        container: str = engine.call("POST", "/containers/create", wanted, name=name)["Id"]
        copy_files(engine, like.id, container, files(rendered.release.sources, like.service))
    everyone = containers.listed(engine)
    ours = [c for c in everyone if c.name in names]
    wants = attachments(rendered, environment.settings.place, ours, everyone, environment.edge_network)
    settled(lambda what: containers.connect(engine, *what), list(wants))
    Starting(engine, rendered.model, ours, environment.settings.release.ready_within).run()
    return ours


def removed(environment: LockedServer, project: str, names: Sequence[str]) -> None:
    """Remove containers by name, whether they run or not."""
    engine = environment.engine
    these = [c for c in containers.of(engine, project) if c.name in names]
    settled(lambda c: engine.call("DELETE", f"/containers/{c.id}", force=True, v=True), these)


def drained(environment: LockedServer, these: Sequence[Container]) -> None:
    """Wait until the edge has no connection to these containers, or until `drain-within` is over."""
    addresses = [address for c in these if (address := c.addresses.get(NETWORK))]
    until = time.monotonic() + environment.settings.release.drain_within
    while environment.edge.connections(addresses) and time.monotonic() < until:
        time.sleep(POLL)


def wanted_replica(found: Mapping[str, Any], project: str, number: int) -> dict[str, Any]:
    """What to create for one more container of a service, from what the engine says of another one. Pure."""
    config, network = found["Config"], (found["NetworkSettings"].get("Networks") or {}).get(project) or {}
    own = {found["Id"][:12], found["Name"].lstrip("/")}
    aliases = [alias for alias in network.get("Aliases") or () if alias not in own]
    host = {key: value for key, value in found["HostConfig"].items() if key != "ContainerIDFile"}
    endpoints = {"EndpointsConfig": {project: {"Aliases": aliases}}} if network else {}
    return {
        **{key: config[key] for key in _KEPT if config.get(key)},
        "Labels": {**(config.get("Labels") or {}), _NUMBER: str(number)},
        "HostConfig": {**host, "RestartPolicy": {"Name": "no"}, "Links": None},
        "NetworkingConfig": endpoints,
    }
