"""Gives a service of the live release more or fewer containers, until the next release comes from the file."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from tagship.edge import sites
from tagship.engine import containers
from tagship.engine.containers import Container
from tagship.errors import CheckError, TagshipError
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.server.replicas import created, drained, removed
from tagship.server.target import LockedServer
from tagship.system.signals import uninterrupted


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
    found = environment.engine.get(f"/containers/{like.id}/json")
    try:
        with progress.step(f"Start {', '.join(_short(name, like) for name in names)} and wait until ready"):
            environment.lease.check()
            created(environment, rendered, like, found, names)
    except BaseException:
        with uninterrupted(), suppress(TagshipError):
            removed(environment, like.project, names)
        raise
    with progress.step("Serve them"):
        environment.edge.serve(environment.site(environment.observe()))


def down(environment: LockedServer, these: Sequence[Container], progress: Progress) -> None:
    """Send no more requests to these containers, wait for those in flight, then stop and remove them."""
    site = environment.site(environment.observe())
    for container in these:
        site = sites.without(site, container.name.removeprefix(f"{container.project}-"))
    environment.lease.confirm()
    with progress.step(f"Drain and remove {', '.join(_short(c.name, c) for c in these)}"):
        environment.edge.serve(site)
        drained(environment, these)
        containers.stop(environment.engine, [c for c in these if c.running])
        removed(environment, these[0].project, [c.name for c in these])


def _short(name: str, like: Container) -> str:
    return name.removeprefix(f"{like.project}-")
