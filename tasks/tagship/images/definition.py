"""Renders buildx's definition of all images of a commit. Pure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tagship.errors import ConfigError
from tagship.names import Version
from tagship.project.build_settings import BuildSettings

_PASSED_ON = (
    "args",
    "target",
    "dockerfile_inline",
    "platforms",
    "shm_size",
    "ssh",
    "cache_from",
)
CACHE_TAG = "buildcache"
"""The tag beside an image's own with the layers of its builds."""


def image_names(model: Mapping[str, Any], services: tuple[str, ...]) -> dict[str, str]:
    """Service → the name of its image; services with the same `build` share the first one's."""
    by_build: dict[str, str] = {}
    return {
        service: by_build.setdefault(json.dumps(build, sort_keys=True), service)
        for service in services
        if (build := model["services"][service].get("build"))
    }


def definition(  # noqa: PLR0913 - what an image is made of
    resolved: Mapping[str, Any],
    images: Mapping[str, str],
    folder: Path,
    *,
    prefix: str,
    version: Version,
    labels: Mapping[str, str],
    settings: BuildSettings | None = None,
    writes: bool = True,
) -> dict[str, Any]:
    """The definition as JSON: one target per image, tagged by SHA and labelled; contexts are absolute paths.

    `writes`: whether the cache of `settings` is written, too.
    """
    names = sorted(set(images.values()))
    kept = settings or BuildSettings()
    return {
        "group": {"default": {"targets": names}},
        "target": {
            name: _kept(kept, f"{prefix}/{name}", _target(resolved["services"][name]["build"], folder), writes=writes)
            | _contexts(resolved["services"][name]["build"], images, folder, f"{prefix}/{{}}:{version.tag}")
            | _secrets(resolved["services"][name]["build"], resolved.get("secrets") or {}, folder)
            | {"tags": [f"{prefix}/{name}:{version.tag}"], "labels": dict(labels)}
            for name in names
        },
    }


def labels(version: Version, source: str, created: str) -> dict[str, str]:
    """The OCI annotations of an image (opencontainers/image-spec, annotations.md)."""
    annotations = {"revision": version.sha, "version": version.tag, "source": source, "created": created}
    return {f"org.opencontainers.image.{key}": value for key, value in annotations.items() if value}


def is_remote(context: str) -> bool:
    """Whether BuildKit fetches a build's context itself."""
    return "://" in context or context.startswith("git@")


def _target(build: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    context = build.get("context", ".")
    target = {
        "context": context if is_remote(context) else str(folder / context),
        "dockerfile": build.get("dockerfile", "Dockerfile"),
        "output": ["type=docker"],
    }
    if "dockerfile_inline" in build:
        target["dockerfile-inline"] = build["dockerfile_inline"]
        del target["dockerfile"]
    for key in _PASSED_ON:
        if build.get(key) and key != "dockerfile_inline":
            target[_bake_key(key)] = build[key]
    if build.get("no_cache"):
        target["no-cache"] = True
    return target


def _kept(settings: BuildSettings, repository: str, target: dict[str, Any], *, writes: bool) -> dict[str, Any]:
    """A target with its cache and attestations. A cache that can't be written doesn't fail the build."""
    more: dict[str, Any] = {"attest": list(settings.attests)} if settings.attests else {}
    if settings.cache != "none":
        where = {
            "registry": f"type=registry,ref={repository}:{CACHE_TAG}",
            "gha": f"type=gha,scope={repository.partition('/')[2]}",
        }[settings.cache]
        form = ",image-manifest=true,oci-mediatypes=true" if settings.cache == "registry" else ""  # as ECR demands it
        more["cache-from"] = [*target.get("cache-from", ()), where]
        if writes:
            more["cache-to"] = [f"{where},mode=max{form},ignore-error=true"]
    return target | more


def _contexts(build: Mapping[str, Any], images: Mapping[str, str], folder: Path, reference: str) -> dict[str, Any]:
    """More folders and images that a Dockerfile may copy from, including images of other services."""

    def named(source: str) -> str:
        kind, _, service = source.partition(":")
        if kind == "service":
            return f"target:{images[service]}" if service in images else f"docker-image://{reference.format(service)}"
        return source if "://" in source or kind == "target" else str(folder / source)

    found = build.get("additional_contexts") or {}
    return {"contexts": {name: named(source) for name, source in found.items()}} if found else {}


def _secrets(build: Mapping[str, Any], known: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The build's secrets by name; buildx reads the values from its environment or a file. Raises ConfigError."""
    found = []
    for used in build.get("secrets") or ():
        source = known.get(used["source"]) or {}
        if "environment" in source:
            place = f"env={source['environment']}"
        elif "file" in source:
            place = f"src={folder / source['file']}"
        else:
            raise ConfigError(f"The build secret {used['source']!r} has neither `environment` nor `file`.")
        found.append(f"id={used.get('target') or used['source']},{place}")
    return {"secret": found} if found else {}


def secret_variables(resolved: Mapping[str, Any]) -> set[str]:
    """The variables for the build's secrets."""
    used = {
        item["source"]
        for service in resolved["services"].values()
        for item in (service.get("build") or {}).get("secrets") or ()
    }
    secrets = resolved.get("secrets") or {}
    return {secrets[name]["environment"] for name in used if "environment" in secrets.get(name, {})}


def _bake_key(key: str) -> str:
    return {"cache_from": "cache-from", "shm_size": "shm-size"}.get(key, key)
