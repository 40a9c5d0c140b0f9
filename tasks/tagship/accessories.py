"""Accessories: an environment's long-lived services, started once and left alone by every deploy."""

from collections.abc import Mapping, Sequence
from typing import Any

from tagship import render
from tagship.adapters import compose, containers, networks, volumes
from tagship.adapters.containers import Container
from tagship.adapters.injection import inject
from tagship.adapters.lease import Holder, Lease
from tagship.adapters.readiness import Starting
from tagship.configured import Resolved
from tagship.errors import CheckError
from tagship.model import Place, Volume
from tagship.services import Session


def project(place: Place) -> str:
    """The accessories' Compose project."""
    return f"{place}-accessories"


def up(session: Session, resolved: Resolved, holder: Holder) -> tuple[str, ...]:
    """Create and start those that don't run, and wait until they are ready. Returns them.

    One that exists is never recreated, whatever the Compose file says by now: its data is in use.
    """
    place, engine, settings = session.place, session.engine, session.settings
    model = render.adapt(render.render_accessories(place, resolved.model, resolved.files), engine.api)
    with Lease(engine, place, holder):
        _prepare(session, render.volumes(place, resolved.model), model, resolved.secrets)
        filled, named = render.fill(model, resolved.secrets), _named(model, resolved.secrets)
        compose.create(engine.socket, filled, named)
        everyone = containers.of(engine, model["name"])
        inject(engine, filled, everyone, named)
        Starting(engine, model, everyone, settings.release.ready_within).run()
    return tuple(sorted(container.service for container in everyone if not container.running))


def status(session: Session) -> list[Container]:
    """Their containers."""
    return containers.of(session.engine, project(session.place))


def _prepare(session: Session, wanted: Sequence[Volume], model: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    if model.get("volumes"):
        external = {volume["name"] for volume in model["volumes"].values()} - {volume.name for volume in wanted}
        found = list(volumes.findings(wanted, external, volumes.existing(session.engine), secrets))
        if found:
            raise CheckError("\n".join(found), hint="nothing was changed")
    labels = {"tagship.app": session.place.app, "tagship.environment": session.place.environment}
    within = session.settings.edge.networks
    networks.ensure(session.engine, str(session.place), within, prefix=networks.PREFIX, labels=labels)
    volumes.ensure(session.engine, wanted, labels, secrets)


def _named(model: Mapping[str, object], secrets: Mapping[str, str]) -> dict[str, str]:
    return {name: secrets[name] for name in render.named(model) if name in secrets}
