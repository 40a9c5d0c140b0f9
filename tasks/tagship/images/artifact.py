"""A release as an OCI artifact: its Compose file with every image by digest, which any Compose runs from the registry.

The format is that of `docker compose publish`, which `docker compose -f oci://REPOSITORY:TAG up` reads.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tagship.errors import ConfigError, RegistryError
from tagship.images.commit import Images
from tagship.images.registry import Registry, digest_of, split
from tagship.release.markers import file_secret
from tagship.release.selection import source_name, without
from tagship.system.compose_program import as_yaml

NAME = "release"
"""The artifact's repository, below the registry's prefix, beside the images."""
PROJECT, FILE = "application/vnd.docker.compose.project", "application/vnd.docker.compose.file+yaml"
_MANIFEST, _EMPTY = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.empty.v1+json"
_LEFT_OUT = ("build", "develop", "profiles", "pull_policy")
_SHA = re.compile(r"(?<!\$)\$(?:TAGSHIP_SHA\b|\{TAGSHIP_SHA(?:[:?+-][^{}]*)?\})")


@dataclass(frozen=True)
class Published:
    """What was published, and which images it names only by tag."""

    reference: str
    """`REPOSITORY@sha256:…`."""
    tagged: str
    """`REPOSITORY:TAG`, as people type it."""
    by_tag: tuple[str, ...] = ()


def publish(images: Images, digests: Mapping[str, str], time: str) -> Published:
    """Publish a commit's release, unless it is there. `time`: the commit's, ISO 8601.

    Raises ConfigError if the Compose file needs files that only the project has, and RegistryError.
    """
    refuse(images)
    assert images.registry  # noqa: S101 - else it is refused
    registry, tag = images.registry, images.version.tag
    repository = f"{images.prefix}/{NAME}"
    name = split(repository)[1]
    others = pinned(images)
    by_tag = tuple(sorted({image for image, found in others.items() if not found}))
    text = as_yaml(composed(images, digests, others))
    if there := registry.digest(name, tag):  # what a SHA names never changes
        return Published(f"{repository}@{there}", f"{repository}:{tag}", by_tag)
    for content in ("{}", text):
        registry.upload(name, content)
    digest = registry.put_manifest(name, tag, _MANIFEST, json.dumps(manifest(text, tag, time)))
    return Published(f"{repository}@{digest}", f"{repository}:{tag}", by_tag)


def refuse(images: Images) -> None:
    """Raises ConfigError, or RegistryError, if a commit's release can't be published; before it is built."""
    if images.registry is None:
        raise RegistryError("There is no registry to publish the release in.", hint="set `registry` in tagship.yml")
    if NAME in images.repositories:
        raise ConfigError(f"An image is called {NAME}, as the artifact would be.", hint="change its service's name")
    services = {name: images.sources.model["services"][name] for name in _kept(images)}
    if problems := list(_problems(services)):
        raise ConfigError("\n".join(problems), hint="set `release.publish: false`, or add an overlay that drops them")


def composed(images: Images, digests: Mapping[str, str], others: Mapping[str, str]) -> dict[str, Any]:
    """The Compose file of the services that a release has, accessories included; variables stay `${NAME}`."""
    model, known = images.sources.model, {**others, **images.by_service(digests)}
    services = {name: _service(model["services"][name], name, _kept(images), known) for name in _kept(images)}
    whole: dict[str, Any] = {**model, "services": services}
    for kind, change in (("configs", _config), ("secrets", _secret)):
        used = {source_name(item) for service in services.values() for item in service.get(kind) or ()}
        found = (model.get(kind) or {}).items()
        whole[kind] = {key: change(key, item, images.sources.files) for key, item in found if key in used}
    text = _SHA.sub(images.version.tag, json.dumps({key: value for key, value in whole.items() if value}))
    filled: dict[str, Any] = json.loads(text)
    return filled


def pinned(images: Images) -> dict[str, str]:
    """Other people's image → its reference by digest; empty if only its tag is known."""
    return dict(_pinned(images, images.registry)) if images.registry else {}


def manifest(text: str, tag: str, time: str) -> dict[str, Any]:
    """The artifact's manifest (OCI image spec 1.1)."""
    layer = {
        "mediaType": FILE,
        "digest": digest_of(text),
        "size": len(text.encode()),
        "annotations": {"com.docker.compose.file": "compose.yaml"},
    }
    return {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "artifactType": PROJECT,
        "config": {"mediaType": _EMPTY, "digest": digest_of("{}"), "size": 2, "data": "e30="},
        "layers": [layer],
        "annotations": {"org.opencontainers.image.created": time, "org.opencontainers.image.revision": tag[:40]},
    }


def _kept(images: Images) -> tuple[str, ...]:
    return (*images.shape.services, *images.shape.accessories)


def _pinned(images: Images, registry: Registry) -> Iterator[tuple[str, str]]:
    """Images of others in this registry, each with its digest; elsewhere, and with a variable, they keep their tag."""
    for service in _kept(images):
        image = str(images.sources.model["services"][service].get("image") or "")
        if service in images.names or not image or "@" in image:
            continue
        repository, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "latest")
        host, name = split(repository)
        known = registry.digest(name, tag) if host == registry.host and "$" not in image else None
        yield image, f"{repository}@{known}" if known else ""


def _service(settings: Mapping[str, Any], name: str, kept: tuple[str, ...], known: Mapping[str, str]) -> dict[str, Any]:
    """A service as it runs. `known`: service, or image with its tag, → the reference by digest."""
    image = str(settings.get("image", ""))
    waits = {other: how for other, how in (settings.get("depends_on") or {}).items() if other in kept}
    changed = {"image": known.get(name) or known.get(image) or image, "depends_on": waits}
    return {key: value for key, value in {**without(settings, _LEFT_OUT), **changed}.items() if value is not None}


def _problems(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What needs files of the project, which the artifact doesn't have."""
    for name, service in services.items():
        for item in service.get("env_file") or ():
            path = item["path"] if isinstance(item, Mapping) else item
            yield f"Service {name} takes variables from {path}, which a published release doesn't have."
        for mount in service.get("volumes") or ():
            source = str(mount.get("source", "")) if isinstance(mount, Mapping) else ""
            if isinstance(mount, Mapping) and mount.get("type") == "bind" and not source.startswith(("/", "$")):
                yield f"Service {name} mounts {source}, which a published release doesn't have."


def _config(_key: str, item: Mapping[str, Any], files: Mapping[str, str]) -> Mapping[str, Any]:
    """A config with its file's content; the commit has that file, so it is no secret."""
    if "file" not in item:
        return item
    return {**without(item, ("file",)), "content": files[item["file"]].replace("$", "$$")}


def _secret(key: str, item: Mapping[str, Any], _files: Mapping[str, str]) -> Mapping[str, Any]:
    """A secret from a variable of whoever runs it."""
    return {**without(item, ("file",)), "environment": file_secret(key)} if "file" in item else item
