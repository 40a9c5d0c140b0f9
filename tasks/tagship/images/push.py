"""Pushes a commit's images, tagged by its SHA, without replacing any."""

import re
from collections.abc import Mapping
from typing import Any

from tagship.engine.client import Engine
from tagship.engine.images import image, pushed_digests
from tagship.errors import RegistryError
from tagship.images.commit import Images
from tagship.names import Digest, Version
from tagship.system.parallel import together

PUSH_TRIES = 3
_PUSHED = re.compile(r": digest: (sha256:[0-9a-f]{64}) size: ")
_PERMANENT = (
    "denied",
    "unauthorized",
    "authentication required",
    "does not exist",
    "no basic auth",
    "insufficient_scope",
)


def push_tag(engine: Engine, repository: str, tag: str, credentials: Mapping[str, str]) -> Digest:
    """Push one tag, and retry after transient failures. Returns its digest. Raises RegistryError."""
    problem = ""
    for _ in range(PUSH_TRIES):
        digest, problem = "", ""
        for line in engine.push(repository, tag, credentials):
            digest = _digest(line) or digest
            problem = line.get("error", problem)
        if digest and not problem:
            return Digest(digest)
        if any(words in problem for words in _PERMANENT):
            break
    raise RegistryError(
        f"Pushing {repository}:{tag} failed: {problem}.", hint="run `docker login`, and check the repository's name"
    )


def _digest(line: Mapping[str, Any]) -> str:
    """The digest in a message of the engine. With containerd's image store, only the text has it."""
    said = _PUSHED.search(line.get("status") or "")
    return str((line.get("aux") or {}).get("Digest") or (said[1] if said else ""))


def push(images: Images, engine: Engine) -> dict[str, Digest]:
    """Push the images that the registry lacks.

    Returns image name → digest. Raises RegistryError; never overwrites a tag.
    """
    if images.registry is None:
        raise RegistryError(
            "tagship.yml has no registry.",
            hint="set `registry`, for example `registry: embedded`; only this machine's engine needs none",
        )
    registry, there = images.registry, images.digests()

    def one(item: tuple[str, str]) -> Digest:
        name, repository = item
        local = image(engine, f"{repository}:{images.version.tag}")
        if name in there:
            _refuse_another(repository, images.version, there[name], local)
            return there[name]
        if local is None:
            raise RegistryError(
                f"There is no image {repository}:{images.version.tag} to push.", hint="run `tagship build` first"
            )
        return push_tag(engine, repository, images.version.tag, registry.credentials)

    return dict(zip(images.repositories, together(one, images.repositories.items()), strict=True))


def _refuse_another(repository: str, version: Version, digest: Digest, local: Mapping[str, Any] | None) -> None:
    known = pushed_digests(local, repository) if local else set()
    if local and digest not in known:
        raise RegistryError(
            f"{repository}:{version.tag} is already {digest}, and the image built here differs.",
            hint="commit again, or remove the image here to use the registry's; images of a SHA are never replaced",
        )
