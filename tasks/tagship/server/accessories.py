"""Starts an environment's accessories; deploys leave them alone, and they are replaced only on request."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tagship.engine import compose, containers, networks, quirks, volumes
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.injection import inject
from tagship.engine.readiness import Starting
from tagship.errors import CheckError
from tagship.names import Holder
from tagship.release import markers, render
from tagship.release.model import Volume
from tagship.secret import Secret
from tagship.server import divergence, major_version
from tagship.server.lease import Lease
from tagship.server.session import Session
from tagship.system.signals import uninterrupted
from tagship.variables.resolve import Resolution

_HALF_MADE = re.compile(r"[0-9a-f]{12}_")
"""How Compose names a container before it replaces another."""

Differences = Mapping[str, tuple[str, ...]]
"""Accessory → what differs between its container and the Compose file; only those with differences."""


@dataclass(frozen=True)
class UpResult:
    """What `up` did, and what it left alone."""

    started: tuple[str, ...]
    differ: Differences


def up(session: Session, resolved: Resolution, holder: Holder) -> UpResult:
    """Create missing accessories, start stopped ones, and wait until they are ready.

    Existing ones are never recreated, even if the Compose file has changed, because their data is in use.
    """
    wanted = _Accessories(session, resolved)
    with Lease(session.engine, session.place, holder):
        wanted.prepare()
        there = _tidied(session.engine, wanted.project)
        missing = [name for name in wanted.model["services"] if wanted.replicas(name) > _count(there, name)]
        if missing:
            compose.create(session.engine.socket, _only(wanted.filled, missing), wanted.named)
        everyone = containers.of(session.engine, wanted.project)
        wanted.start([c for c in everyone if not _ended(c)])
        started = sorted({c.service for c in everyone if not c.running and not _ended(c)})
        return UpResult(tuple(started), wanted.differences(there))


def compare(session: Session, resolved: Resolution) -> Differences:
    """The differences between existing accessories and the Compose file."""
    wanted = _Accessories(session, resolved)
    return wanted.differences(containers.of(session.engine, wanted.project))


def recreate(session: Session, resolved: Resolution, name: str, holder: Holder) -> None:
    """Replace an accessory by what the Compose file says now, keep its volumes, and wait until it is ready.

    Its image is pulled first unless the server has it, to keep the interruption short. Raises CheckError if it doesn't
    exist, or if its data is of another major version of PostgreSQL.
    """
    wanted = _Accessories(session, resolved)
    with Lease(session.engine, session.place, holder):
        if not _count(_tidied(session.engine, wanted.project), name):
            raise CheckError(f"There is no {name} yet.", hint="create it with `tagship accessories.up`")
        there = [c for c in containers.of(session.engine, wanted.project) if c.service == name]
        image = wanted.model["services"][name].get("image", "")
        major_version.bring(session.engine, there, image, session.credentials)
        wanted.prepare()
        with uninterrupted():
            compose.recreate(session.engine.socket, _only(wanted.filled, [name]), wanted.named)
        wanted.start([c for c in containers.of(session.engine, wanted.project) if c.service == name])


def restart(session: Session, these: Sequence[Container], holder: Holder) -> None:
    """Stop an accessory's containers, start them again, and wait until they are ready. Raises RolloutError."""
    model = {"name": session.place.accessories, "services": {c.service: {} for c in these}}
    with Lease(session.engine, session.place, holder), uninterrupted():
        containers.stop(session.engine, [c for c in these if c.running])
        again = [replace(c, state="exited") for c in these]
        Starting(session.engine, model, again, session.settings.release.ready_within).run()


def filled(session: Session, resolved: Resolution) -> Mapping[str, Any]:
    """The accessories' Compose project, with the values of secrets."""
    model: Mapping[str, Any] = _Accessories(session, resolved).filled
    return model


def status(session: Session) -> list[Container]:
    """The accessories' containers."""
    return containers.of(session.engine, session.place.accessories)


class _Accessories:
    """The accessories in the current Compose file."""

    def __init__(self, session: Session, resolved: Resolution) -> None:
        self.project = session.place.accessories
        self.described = divergence.describe(render.render_accessories(session.place, resolved.model, resolved.files))
        self.model = quirks.adapt(self.described, session.engine.api)
        self.filled = markers.fill(self.model, resolved.secrets)
        self.named = {n: resolved.secrets[n].reveal() for n in markers.named(self.model) if n in resolved.secrets}
        self._session = session
        self._resolved = resolved

    def replicas(self, name: str) -> int:
        """How many containers an accessory must have."""
        settings = self.model["services"][name]
        return int(settings.get("scale") or (settings.get("deploy") or {}).get("replicas") or 1)

    def prepare(self) -> None:
        """Create their network and volumes.

        Raises CheckError for existing volumes that differ from the Compose file.
        """
        wanted = render.volumes(self._session.place, self._resolved.model)
        _prepare(self._session, wanted, self.model, self._resolved.secrets)

    def start(self, these: Sequence[Container]) -> None:
        """Start stopped containers, and wait until all are ready. Raises RolloutError."""
        engine = self._session.engine
        inject(engine, self.filled, these, self.named)
        Starting(engine, self.model, these, self._session.settings.release.ready_within).run()

    def differences(self, there: Iterable[Container]) -> Differences:
        """The differences of existing containers."""
        found: dict[str, tuple[str, ...]] = {}
        filled = markers.fill(self.described, self._resolved.secrets)
        for container in there:
            if container.service in self.described["services"]:
                inspected = self._session.engine.get(f"/containers/{container.id}/json")
                changed = tuple(divergence.differences(container.service, self.described, filled, inspected))
                found |= {container.service: changed} if changed else {}
        return found


def _only(model: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The project with only these services, so that Compose can't change others."""
    services = {
        name: {key: value for key, value in model["services"][name].items() if key != "depends_on"} for name in names
    }
    return {**model, "services": services}


def _tidied(engine: Engine, name: str) -> list[Container]:
    """The project's containers, after removing an unfinished replacement that was interrupted; its volumes stay."""
    everyone = containers.of(engine, name)
    half = [
        c for c in everyone if c.state == "created" and _HALF_MADE.match(c.name) and _count(everyone, c.service) > 1
    ]
    for container in half:
        engine.call("DELETE", f"/containers/{container.id}")
    return [container for container in everyone if container not in half]


def _count(there: Iterable[Container], name: str) -> int:
    return sum(container.service == name for container in there)


def _ended(container: Container) -> bool:
    """Whether it has completed and needn't run again."""
    return container.restart == "no" and container.status.startswith("Exited (0)")


def _prepare(
    session: Session, wanted: Sequence[Volume], model: Mapping[str, Any], secrets: Mapping[str, Secret]
) -> None:
    if model.get("volumes"):
        external = {volume["name"] for volume in model["volumes"].values()} - {volume.name for volume in wanted}
        found = list(volumes.findings(wanted, external, volumes.existing(session.engine), secrets))
        if found:
            raise CheckError("\n".join(found), hint="solve this first; nothing was changed")
    labels = {"tagship.app": session.place.app, "tagship.environment": session.place.environment}
    within = session.settings.edge.networks
    networks.ensure(session.engine, str(session.place), within, prefix=networks.PREFIX, labels=labels)
    volumes.ensure(session.engine, wanted, labels, secrets)
