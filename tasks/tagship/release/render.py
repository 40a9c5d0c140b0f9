"""Renders a release as a Compose project: a pure function of the app's Compose file, images and environment.

The input is Compose's own JSON with `${…}` resolved and secrets as `⟦NAME⟧`. The output is the model that Compose
creates. In both, Compose writes a literal `$` as `$$`, so we escape what we add and leave the rest as it is.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tagship.errors import ConfigError
from tagship.names import DNS_LABEL, LABEL, RESTART, Place
from tagship.release.markers import Model, file_secret, secret_names
from tagship.release.model import Release, Rendered, Volume, ends, replicas
from tagship.release.selection import BUILDING, without

LOGGING = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


_DROPPED = (*BUILDING, "env_file", "networks", "pull_policy")


def render_release(place: Place, release: Release, resolved: Model, files: Mapping[str, str], name: str) -> Rendered:
    """The Compose project of a release. Raises ConfigError with everything that can't run on a server."""
    problems = [*_source_mounts(resolved), *long_names(name, resolved)]
    if problems:
        raise ConfigError(
            "\n".join(problems), hint="add an overlay for deployment that drops them: compose: [a.yml, b.yml]"
        )
    labels = {
        f"{LABEL}.app": place.app,
        f"{LABEL}.environment": place.environment,
        f"{LABEL}.sha": release.version.tag,
        f"{LABEL}.release": name,
    }
    services = {
        service: _service(settings, labels, release.images.get(service), ends=ends(resolved, service))
        for service, settings in resolved["services"].items()
    }
    model = _project(place, name, services, resolved, files, network=name)
    return Rendered(name, release, model, secret_names(json.dumps(model, ensure_ascii=False)), volumes(place, resolved))


def render_accessories(place: Place, resolved: Model, files: Mapping[str, str]) -> dict[str, Any]:
    """The Compose project of an environment's accessories, on the environment's network, under their service names."""
    labels = {f"{LABEL}.app": place.app, f"{LABEL}.environment": place.environment, f"{LABEL}.accessory": "true"}
    services = {
        name: _service(settings, labels, None, ends=ends(resolved, name))
        for name, settings in resolved["services"].items()
    }
    services = {name: {**service, "restart": service["labels"][RESTART]} for name, service in services.items()}
    return _project(place, place.accessories, services, resolved, files, network=str(place))


def volumes(place: Place, resolved: Model) -> tuple[Volume, ...]:
    """The volumes that Tagship creates for a project, as the Compose file describes them."""
    named = (resolved.get("volumes") or {}).items()
    return tuple(
        Volume(
            f"{place}_{volume}",
            settings.get("driver") or "",
            settings.get("driver_opts") or {},
            settings.get("labels") or {},
        )
        for volume, settings in named
        if not settings.get("external")
    )


def _service(settings: Model, labels: Mapping[str, str], image: str | None, *, ends: bool) -> dict[str, Any]:
    rendered = without(settings, _DROPPED)
    if image:
        rendered |= {"image": image, "pull_policy": "never"}
    aliases = sorted({a for net in (settings.get("networks") or {}).values() for a in (net or {}).get("aliases") or ()})
    if "network_mode" not in settings:
        rendered["networks"] = {"default": {"aliases": aliases} if aliases else None}
    if deploy := settings.get("deploy"):
        rendered["deploy"] = without(deploy, ("restart_policy",))  # it would override `restart`
    policy = "no" if ends or _never_restarts(settings) else "always"
    rendered["restart"] = "no"
    rendered.setdefault("logging", LOGGING)
    rendered["labels"] = {**(settings.get("labels") or {}), **labels, RESTART: policy}
    return rendered


def _never_restarts(settings: Model) -> bool:
    policy = (settings.get("deploy") or {}).get("restart_policy")
    return policy.get("condition") == "none" if policy else settings.get("restart") == "no"


def _project(  # noqa: PLR0913 - the parts of one Compose file
    place: Place, name: str, services: Model, resolved: Model, files: Mapping[str, str], *, network: str
) -> dict[str, Any]:
    model: dict[str, Any] = {
        "name": name,
        "services": dict(services),
        "networks": {"default": {"name": network, "external": True}},
        "volumes": {
            volume: {"name": settings["name"] if settings.get("external") else f"{place}_{volume}", "external": True}
            for volume, settings in (resolved.get("volumes") or {}).items()
        },
        "configs": {key: _inline(item, files) for key, item in (resolved.get("configs") or {}).items()},
        "secrets": {key: _inline_secret(key, item) for key, item in (resolved.get("secrets") or {}).items()},
    }
    return {key: value for key, value in model.items() if value}


def _inline(item: Model, files: Mapping[str, str]) -> dict[str, Any]:
    if "file" in item:
        return {"content": files[item["file"]].replace("$", "$$")}
    if "environment" in item:
        return {"environment": item["environment"]}
    return {"content": item.get("content", "")}


def _inline_secret(key: str, item: Model) -> dict[str, Any]:
    """Compose takes a secret's content only from its own environment, so a file's content gets a variable there."""
    return {"environment": item.get("environment") or file_secret(key)}


def _source_mounts(resolved: Model) -> Iterator[str]:
    for name, service in resolved["services"].items():
        for mount in service.get("volumes") or ():
            if mount.get("type") == "bind" and not str(mount.get("source", "")).startswith("/"):
                yield source_mount(name, mount.get("source"))


def source_mount(service: str, source: object) -> str:
    """The message for a service that mounts a folder of the project."""
    return f"Service {service} mounts {source}, which the server doesn't have."


def long_names(release: str, resolved: Model) -> Iterator[str]:
    """A message for each container whose name in that release would be too long for DNS."""
    for name, settings in resolved["services"].items():
        container = f"{release}-{name}-{max(1, replicas(settings))}"
        if over := max(0, len(container) - DNS_LABEL):
            yield (
                f"Service {name}: its container's name {container} is {len(container)} characters long, but a name on "
                f"the network may have only {DNS_LABEL}. Shorten the name of the service, app or environment by {over}."
            )
