"""Refuses routed services without a healthcheck, in the Compose file and in their image."""

from collections.abc import Iterable

from tagship.engine import containers
from tagship.engine.client import Engine
from tagship.errors import CheckError
from tagship.release.model import Rendered
from tagship.server.composer import Composer


def possible(rendered: Rendered) -> set[str]:
    """The routed services without a healthcheck in the Compose file."""
    routed = {route.service for route in rendered.release.shape.routes}
    return {name for name in routed if not rendered.model["services"][name].get("healthcheck")}


def refuse_images(rendered: Rendered, composer: Composer) -> None:
    """Check the images before anything is created, except images that Compose still has to pull. Raises CheckError."""
    if silent := possible(rendered):
        images = {name: composer.image(rendered.model["services"][name].get("image", "")) for name in silent}
        _refuse(name for name, image in images.items() if image and not containers.probe(image.get("Config") or {}))


def refuse_containers(rendered: Rendered, engine: Engine) -> None:
    """Check the created containers, whatever their images. Raises CheckError."""
    if silent := possible(rendered):
        ours = (c for c in containers.of(engine, rendered.name) if c.service in silent)
        _refuse(c.service for c in ours if not containers.healthcheck(engine, c.id))


def _refuse(unwatched: Iterable[str]) -> None:
    if names := sorted(set(unwatched)):
        raise CheckError(
            f"{', '.join(names)} has no healthcheck, so Tagship can't tell when it is ready.",
            hint="give it one in the Compose file",
        )
