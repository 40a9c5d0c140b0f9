"""Finds images on an engine by digest, whatever their names, and pulls missing ones."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import EngineError, RegistryError
from tagship.images.credentials import Credentials
from tagship.images.registry import split
from tagship.system.parallel import together

_BESIDE_US = "localhost"
_OF_THE_ENGINE = (
    "no space left",
    "failed to register layer",
    "failed to extract layer",
    "failed to unpack",
    "input/output error",
    "read-only file system",
)
"""What an engine says that can't keep an image; of anything else, the registry or the way there is the reason."""


Listed = Sequence[Mapping[str, Any]]
"""Images in the engine's own format."""


def listed(engine: Engine) -> Listed:
    """Every image of an engine."""
    found: Listed = engine.get("/images/json")
    return found


def known(engine: Engine, images: Iterable[str], there: Listed | None = None) -> dict[str, str]:
    """Image by digest → its name on the engine, for the images that it has under any name."""
    wanted = [image for image in images if "@" in image]
    by_digest: dict[str, str] = {}
    names: set[str] = set()
    for image in (listed(engine) if there is None else there) if wanted else ():
        references = image.get("RepoDigests") or ()
        names |= {*references}
        by_digest |= {reference.rpartition("@")[2]: reference for reference in references}
    found = {image: image if image in names else by_digest.get(image.rpartition("@")[2], "") for image in wanted}
    return {image: name for image, name in found.items() if name}


def bring(
    engine: Engine, images: Iterable[str], credentials: Credentials, there: Listed | None = None
) -> dict[str, str]:
    """Pull the missing images, all at once. Returns image → its name on the engine. Raises RegistryError, EngineError.

    A registry on this machine, `localhost:PORT`, is forwarded to the server's engine while the connection lasts, with
    another port there. Images from it have that port in their name.
    """
    wanted = tuple(images)
    found = known(engine, wanted, there)
    missing = [image for image in wanted if image not in found and "@" in image]
    names = {image: _reachable(engine, image) for image in missing}
    together(lambda image: _pull(engine, names[image], credentials(split(image)[0])), missing)
    return found | names


def bring_tagged(engine: Engine, image: str, credentials: Credentials) -> None:
    """Pull an image by its tag, unless the engine has one of that name. Raises EngineError."""
    try:
        engine.get(f"/images/{image}/json")
    except EngineError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        repository, at, tag = image.partition("@")
        if not at:
            repository, at, tag = image.rpartition(":")
        plain = "/" in tag or not at
        engine.pull(image if plain else repository, "latest" if plain else tag, credentials(split(image)[0]))


def _pull(engine: Engine, image: str, credentials: Mapping[str, str]) -> None:
    repository, _, digest = image.rpartition("@")
    try:
        engine.pull(repository, digest, credentials)
    except EngineError as error:
        if any(sign in error.problem for sign in _OF_THE_ENGINE):
            raise
        why = error.problem.removeprefix("The engine says: ").removeprefix(f"Pulling {image}: ")
        raise RegistryError(
            f"The server can't pull {image}: {why}",
            hint=f"check that it reaches {split(image)[0]} and that a registry answers there: run `docker pull` on it",
        ) from error


def _reachable(engine: Engine, image: str) -> str:
    host, slash, rest = image.partition("/")
    name, _, port = host.partition(":")
    return f"{name}:{engine.lend(int(port))}{slash}{rest}" if name == _BESIDE_US and port else image
