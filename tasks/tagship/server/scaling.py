"""Gives a service of the live release more or fewer containers, until the next release comes from the file."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tagship.edge import sites
from tagship.engine import containers
from tagship.engine.containers import Container
from tagship.engine.readiness import Starting
from tagship.errors import CheckError, TagshipError
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.server.attach import attachments
from tagship.server.one_off import copy_files, files
from tagship.server.replicas import drained
from tagship.server.target import LockedServer
from tagship.system.parallel import settled
from tagship.system.signals import uninterrupted

_KEPT = (
    "Image", "Env", "User", "Cmd", "Entrypoint", "WorkingDir", "Healthcheck", "ExposedPorts", "StopSignal",
    "StopTimeout", "Domainname", "Tty", "OpenStdin", "StdinOnce",
)  # fmt: skip
_NUMBER = "com.docker.compose.container-number"


def refuse(rendered: Rendered, service: str, count: int, found: Mapping[str, Any]) -> None:
    """Raises CheckError for a service that can't have so many containers. `found`: one of them, inspected."""
    if count > 1 and service in rendered.release.shape.singletons:
        raise CheckError(f"{service} is a singleton.", hint="remove it from release.singletons, and deploy")
    if count > 1 and any((found["HostConfig"].get("PortBindings") or {}).values()):
        raise CheckError(
            f"{service} publishes a port of the server, which only one container can have.",
            hint="remove `ports` in the Compose file, and let the edge serve it",
        )


def up(
    environment: LockedServer, rendered: Rendered, like: Container, names: Sequence[str], progress: Progress
) -> None:
    """Create containers of these names like one that is there, and serve them when all are ready.

    Raises RolloutError, without leaving one behind, if they don't become ready.
    """
    engine = environment.engine
    found = engine.get(f"/containers/{like.id}/json")
    try:
        with progress.step(f"Start {', '.join(_short(name, like) for name in names)} and wait until ready"):
            environment.lease.check()
            for name in names:
                _create(environment, rendered, like, found, name)
            everyone = containers.listed(engine)
            ours = [c for c in everyone if c.name in names]
            wanted = attachments(rendered, environment.settings.place, ours, everyone, environment.edge_network)
            settled(lambda what: containers.connect(engine, *what), list(wanted))
            Starting(engine, rendered.model, ours, environment.settings.release.ready_within).run()
    except BaseException:
        with uninterrupted(), suppress(TagshipError):
            _remove(environment, [c for c in containers.of(engine, like.project) if c.name in names])
        raise
    with progress.step("Serve them"):
        environment.edge.serve(environment.site(environment.observe()))


def down(environment: LockedServer, these: Sequence[Container], progress: Progress) -> None:
    """Send no more requests to these containers, wait for those in flight, then stop and remove them."""
    site = environment.site(environment.observe())
    for container in these:
        site = sites.without(site, container.name.removeprefix(f"{container.project}-"))
    environment.lease.check()
    with progress.step(f"Drain and remove {', '.join(_short(c.name, c) for c in these)}"):
        environment.edge.serve(site)
        drained(environment, these)
        containers.stop(environment.engine, [c for c in these if c.running])
        _remove(environment, these)


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


def _create(
    environment: LockedServer, rendered: Rendered, like: Container, found: Mapping[str, Any], name: str
) -> None:
    engine, number = environment.engine, int(name.rpartition("-")[2])
    wanted = wanted_replica(found, like.project, number)
    container: str = engine.call("POST", "/containers/create", wanted, name=name)["Id"]
    copy_files(engine, like.id, container, files(rendered.release.sources, like.service))


def _remove(environment: LockedServer, these: Sequence[Container]) -> None:
    settled(lambda c: environment.engine.call("DELETE", f"/containers/{c.id}", force=True, v=True), these)


def _short(name: str, like: Container) -> str:
    return name.removeprefix(f"{like.project}-")
