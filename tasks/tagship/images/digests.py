"""Makes a commit's release: looks up each image's digest in the registry, in the push, or on the server."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from tagship.engine.client import Engine
from tagship.engine.images import image
from tagship.errors import ConfigError, RegistryError
from tagship.images.commit import Images
from tagship.images.registry import UnreachableRegistryError
from tagship.release.model import Release

DIGESTS = "TAGSHIP_DIGESTS"
"""JSON, image name → `REPOSITORY@sha256:…`: the job that pushed passes it to the job that deploys."""
VERSION = "org.opencontainers.image.version"
"""The label with an image's tag; a dirty build has the revision of its commit, too."""


def release(found: Images, engine: Engine, known: Callable[[], Mapping[str, str]], *, planned: bool = False) -> Release:
    """The commit's images by digest. Raises RegistryError if one can't be found.

    `known`: returns image name → digest, of those just pushed or of the registry's (`Images.digests`).
    `planned`: one that isn't there yet has a digest to plan with (`UNBUILT`), and nothing can be done with it.
    With the registry down, what the server's engine has of that commit is as good: it was pulled by digest.
    """
    digests: Mapping[str, str]
    try:
        digests = known() if found.registry else local_ids(found, engine)
    except UnreachableRegistryError:
        digests = _on_the_server(found, engine)
        if not digests:
            raise
    _refuse_others(found.references(digests) if found.registry else {})
    digests = found.planned(digests) if planned else digests
    return Release(found.version, found.by_service(digests), found.sources, found.shape)


def handed_over() -> dict[str, Any] | None:
    """What another job built and pushed; None if no job says so. Raises ConfigError."""
    try:
        handed: object = json.loads(os.environ.get(DIGESTS) or "null")
    except (ValueError, RecursionError):
        handed = DIGESTS
    if handed is None or isinstance(handed, dict):
        return handed
    raise ConfigError(f"{DIGESTS} is no JSON object.", hint="pass on `images` of what `tagship push --json` prints")


def _refuse_others(resolved: Mapping[str, str]) -> None:
    """Refuse images other than those that another CI job built and pushed, even if a tag has moved since."""
    handed = handed_over()
    for name, reference in resolved.items():
        if handed is not None and handed.get(name) != reference:
            raise RegistryError(
                f"The registry has {reference}, but the build pushed {handed.get(name, 'nothing')}.",
                hint="build and push a new commit: somebody else has pushed to that tag",
            )


def _on_the_server(found: Images, engine: Engine) -> Mapping[str, str]:
    """Image name → digest, for the commit's images on the server; for the embedded registry, with any port."""
    names = {_anywhere(repository): name for name, repository in found.repositories.items()}
    digests: dict[str, str] = {}
    for listed in engine.get("/images/json", filters={"label": [f"{VERSION}={found.version.tag}"]}):
        for reference in listed["RepoDigests"] or ():
            repository, _, digest = reference.partition("@")
            if name := names.get(_anywhere(repository)):
                digests[name] = digest
    return digests


def _anywhere(repository: str) -> str:
    """A repository; for a registry on this machine without the port, which differs on the server."""
    host, slash, path = repository.partition("/")
    return f"{host.partition(':')[0]}{slash}{path}" if host.startswith("localhost:") else repository


def local_ids(images: Images, engine: Engine) -> dict[str, str]:
    """Image name → id, for the images on this machine's engine."""
    found = {n: image(engine, f"{r}:{images.version.tag}") for n, r in images.repositories.items()}
    return {name: found_image["Id"] for name, found_image in found.items() if found_image}
