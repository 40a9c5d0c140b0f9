"""Restarts a live release's containers one after another, without a request for one that is away."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tagship.edge import sites
from tagship.edge.caddy import NETWORK
from tagship.edge.routes import Site
from tagship.engine import containers
from tagship.engine.containers import Container
from tagship.engine.readiness import Starting
from tagship.release.model import Rendered
from tagship.reporting.progress import Progress
from tagship.server.drain import POLL
from tagship.server.target import LockedServer
from tagship.system.signals import uninterrupted


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

    def __init__(self, environment: LockedServer, rendered: Rendered, site: Site, progress: Progress) -> None:
        self._environment = environment
        self._rendered = rendered
        self._progress = progress
        self._site = site
        self._routed = {route.service for route in rendered.release.shape.routes}

    def restart(self, these: Sequence[Container]) -> None:
        """Restart a service's containers. Raises RolloutError; the containers after it weren't touched."""
        for container in these:
            name = container.name.removeprefix(f"{container.project}-")
            self._environment.lease.check()
            with self._progress.step(f"Restart {name} and wait until ready"):
                if container.service in self._routed and len(these) > 1:
                    self._without(container, name)
                else:
                    self._again(container)

    def _without(self, container: Container, name: str) -> None:
        """Restart a container while the others get its requests."""
        edge = self._environment.edge
        try:
            edge.serve(sites.without(self._site, name))
            drained(self._environment, [container])
            self._again(container)
        finally:
            with uninterrupted():
                edge.serve(self._site)

    def _again(self, container: Container) -> None:
        engine, model = self._environment.engine, self._rendered.model
        containers.stop(engine, [container])
        within = self._environment.settings.release.ready_within
        Starting(engine, model, [replace(container, state="exited")], within).run()


def drained(environment: LockedServer, these: Sequence[Container]) -> None:
    """Wait until the edge has no connection to these containers, or until `drain-within` is over."""
    addresses = [address for c in these if (address := c.addresses.get(NETWORK))]
    until = time.monotonic() + environment.settings.release.drain_within
    while environment.edge.connections(addresses) and time.monotonic() < until:
        time.sleep(POLL)
