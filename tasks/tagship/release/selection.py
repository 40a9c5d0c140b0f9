"""Selects the part of a Compose file that a release, or its build, needs."""

from collections.abc import Iterator, Mapping
from typing import Any

from tagship.errors import ConfigError
from tagship.release.markers import Model
from tagship.release.model import Sources

BUILDING = ("build", "ports", "container_name", "profiles", "develop", "links")

_EMPTY: tuple[object, ...] = (None, "", [], {})

_CLEARED = ("command", "entrypoint")
"""For these, `[]` and `""` mean that the image's own value doesn't apply."""


def select(sources: Sources, services: tuple[str, ...]) -> Sources:
    """The Compose file with only these services, and without settings for building and development.

    Raises ConfigError if one of them needs a file that the commit lacks.
    """
    kept = {name: _service_to_run(sources.model["services"][name], services) for name in services}
    model = {**sources.model, "services": kept}
    for kind in ("volumes", "configs", "secrets"):
        used = {source_name(item) for service in kept.values() for item in service.get(kind) or ()}
        model[kind] = {name: value for name, value in (sources.model.get(kind) or {}).items() if name in used}
    needed = [
        *(item["path"] for item in _env_files(kept) if item.get("required", True) or item["path"] in sources.files),
        *(item["file"] for item in model["configs"].values() if "file" in item),
    ]
    if lacking := sorted({path for path in needed if path not in sources.files}):
        raise ConfigError(
            f"The Compose file names {', '.join(lacking)}, which the commit lacks.",
            hint="move values that differ between environments to `variables` and secrets",
        )
    return Sources(model, {path: sources.files[path] for path in needed})


def build_part(sources: Sources) -> Sources:
    """Only what building needs, so that `:?` on a runtime variable doesn't stop a build."""
    services = {
        name: {"build": service["build"]} for name, service in sources.model["services"].items() if service.get("build")
    }
    used = {source_name(item) for service in services.values() for item in service["build"].get("secrets") or ()}
    secrets = {name: item for name, item in (sources.model.get("secrets") or {}).items() if name in used}
    return Sources({"name": sources.model["name"], "services": services, "secrets": secrets})


def _service_to_run(settings: Model, services: tuple[str, ...]) -> dict[str, Any]:
    """The settings that running a service needs.

    A built service gets a placeholder image, because Compose requires one.
    """
    wanted = {other: how for other, how in (settings.get("depends_on") or {}).items() if other in services}
    changed = {"depends_on": wanted, "image": settings.get("image") or "built"}
    kept = {**without(settings, BUILDING), **changed}
    return {key: value for key, value in kept.items() if value not in _EMPTY or (key in _CLEARED and value is not None)}


def _env_files(services: Model) -> Iterator[Model]:
    return (item for service in services.values() for item in service.get("env_file") or ())


def source_name(item: Any) -> str:  # noqa: ANN401 - short or long form
    """The source of a service's mount, config or secret, in Compose's short or long form."""
    return str(item.get("source", "")) if isinstance(item, Mapping) else str(item).partition(":")[0]


def without(mapping: Model, keys: tuple[str, ...]) -> dict[str, Any]:
    """The mapping without these keys."""
    return {key: value for key, value in mapping.items() if key not in keys}
