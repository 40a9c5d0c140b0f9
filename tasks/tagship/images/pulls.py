"""Images on an engine, by digest: what it has, under whatever name, and what it pulls."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tagship.engine.client import Engine
from tagship.images.credentials import Credentials
from tagship.images.registry import split
from tagship.system.parallel import settled

_BESIDE_US = "localhost"


Listed = Sequence[Mapping[str, Any]]
"""Images as an engine lists them."""


def listed(engine: Engine) -> Listed:
    """Every image of an engine."""
    found: Listed = engine.get("/images/json")
    return found


def known(engine: Engine, images: Iterable[str], there: Listed | None = None) -> dict[str, str]:
    """Image by digest → what the engine knows it by, for those it has: whatever it was pulled as, it is the same."""
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
    """Pull what isn't there, all at once. Returns image → what the engine knows it by. Raises EngineError.

    A registry beside us, `localhost:PORT`, is lent to the engine of a server for as long as the connection stands, and
    has another port there: what is pulled from it is known by that one.
    """
    wanted = tuple(images)
    found = known(engine, wanted, there)
    missing = [image for image in wanted if image not in found and "@" in image]
    names = {image: _reachable(engine, image) for image in missing}
    settled(lambda image: _pull(engine, names[image], credentials(split(image)[0])), missing)
    return found | names


def _pull(engine: Engine, image: str, credentials: Mapping[str, str]) -> None:
    repository, _, digest = image.rpartition("@")
    engine.pull(repository, digest, credentials)


def _reachable(engine: Engine, image: str) -> str:
    host, slash, rest = image.partition("/")
    name, _, port = host.partition(":")
    return f"{name}:{engine.lend(int(port))}{slash}{rest}" if name == _BESIDE_US and port else image
