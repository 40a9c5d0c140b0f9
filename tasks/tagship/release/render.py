"""A release as a Compose model of its own: a pure function of the app's Compose file, images and environment.

What goes in is Compose's own JSON, `${…}` resolved, secrets standing as `⟦NAME⟧`. What comes out is what Compose is
asked to create. A literal `$` is `$$` in both, as Compose writes it, so what we add is escaped and the rest untouched.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tagship.errors import ConfigError
from tagship.release.model import DNS_LABEL, Place, Release, Rendered, Sources, Volume, replicas

LABEL = "tagship"
"""Prefix of the labels that say what is ours: tagship.app, tagship.environment, tagship.sha, tagship.release."""

RESTART = f"{LABEL}.restart"
"""Label: a container's restart policy while it is to run, `always` or `no`; a release's is `no` until it starts."""

START_INTERVAL_API = (1, 44)
"""Engine 25: probes at an interval of their own while a container starts."""
START_INTERVAL = "250ms"
START_PERIOD = "300s"
"""A deploy decides when starting has taken too long; the engine's own count of failures must not come first."""

SHORTEST_SECRET, SHORTEST_LINE = 4, 8
"""A value, or one line of it, of fewer characters would hide half of every text."""

LOGGING = {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}

_BUILDING = ("build", "ports", "container_name", "profiles", "develop", "links")
_DROPPED = (*_BUILDING, "env_file", "networks", "pull_policy")
_PLAIN = re.compile("[a-z0-9_]+")
_EMPTY: tuple[object, ...] = (None, "", [], {})
_CLEARED = ("command", "entrypoint")
"""Of these, `[]` and `""` say something: that the image's own doesn't hold."""
_SECRET = re.compile(r"⟦([A-Za-z_][A-Za-z0-9_./-]*)⟧")

Model = Mapping[str, Any]


def marker(name: str) -> str:
    """What stands for a secret's value wherever it would appear."""
    return f"⟦{name}⟧"


def secret_names(text: str) -> frozenset[str]:
    """The secrets that a text holds by name."""
    return frozenset(_SECRET.findall(text))


def select(sources: Sources, services: tuple[str, ...]) -> Sources:
    """The same Compose file with only those services, and nothing that is for building or for development hosts.

    Raises ConfigError when one of them needs a file that the commit doesn't hold.
    """
    kept = {name: _service_to_run(sources.model["services"][name], services) for name in services}
    model = {**sources.model, "services": kept}
    for kind in ("volumes", "configs", "secrets"):
        used = {_source(item) for service in kept.values() for item in service.get(kind) or ()}
        model[kind] = {name: value for name, value in (sources.model.get(kind) or {}).items() if name in used}
    needed = [
        *(item["path"] for item in _env_files(kept) if item.get("required", True) or item["path"] in sources.files),
        *(item["file"] for item in model["configs"].values() if "file" in item),
    ]
    if lacking := sorted({path for path in needed if path not in sources.files}):
        raise ConfigError(
            f"The Compose file names {', '.join(lacking)}, which the commit doesn't hold.",
            hint="values that differ between environments belong into `variables` and secrets",
        )
    return Sources(model, {path: sources.files[path] for path in needed})


def build_part(sources: Sources) -> Sources:
    """Only what building needs, so that `:?` on a runtime variable doesn't stop a build."""
    services = {
        name: {"build": service["build"]} for name, service in sources.model["services"].items() if service.get("build")
    }
    used = {_source(item) for service in services.values() for item in service["build"].get("secrets") or ()}
    secrets = {name: item for name, item in (sources.model.get("secrets") or {}).items() if name in used}
    return Sources({"name": sources.model["name"], "services": services, "secrets": secrets})


def configuration(
    key: bytes, model: Model, files: Mapping[str, str], images: Mapping[str, str], secrets: Mapping[str, str]
) -> str:
    """64 hex digits that change when images, variables, files or secrets do; keyed: they give no secret away."""
    return keyed(key, [model, dict(files), dict(images), dict(secrets)])


def keyed(key: bytes, value: object) -> str:
    """64 hex digits of anything JSON can say: a keyed hash."""
    return hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def sentry_variables(place: Place, tag: str) -> dict[str, str]:
    """A release and its environment, under the names that Sentry's SDKs read by themselves."""
    return {"SENTRY_RELEASE": f"{place.app}@{tag}", "SENTRY_ENVIRONMENT": place.environment}


def with_environment(model: Model, variables: Mapping[str, str]) -> dict[str, Any]:
    """The same with variables for every service, where it has none of that name."""
    services = {
        name: {**service, "environment": {**variables, **(service.get("environment") or {})}}
        for name, service in model["services"].items()
    }
    return {**model, "services": services}


def render_release(place: Place, release: Release, resolved: Model, files: Mapping[str, str], name: str) -> Rendered:
    """The Compose project of a release. Raises ConfigError, all problems at once, for what can't run there."""
    problems = [*_source_mounts(resolved), *long_names(name, resolved)]
    if problems:
        raise ConfigError("\n".join(problems), hint="an overlay for deployment can drop them: compose: [a.yml, b.yml]")
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
    """The Compose project of an environment's accessories: on the environment's own network, under their names."""
    labels = {f"{LABEL}.app": place.app, f"{LABEL}.environment": place.environment, f"{LABEL}.accessory": "true"}
    services = {
        name: _service(settings, labels, None, ends=ends(resolved, name))
        for name, settings in resolved["services"].items()
    }
    services = {name: {**service, "restart": service["labels"][RESTART]} for name, service in services.items()}
    return _project(place, f"{place}-accessories", services, resolved, files, network=str(place))


def volumes(place: Place, resolved: Model) -> tuple[Volume, ...]:
    """The volumes of a project that are ours to make, as the Compose file describes them."""
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


def named(model: Model) -> frozenset[str]:
    """The variables that Compose must find in its own environment: those of secrets and configs."""
    items = (item for kind in ("secrets", "configs") for item in (model.get(kind) or {}).values())
    return frozenset(item["environment"] for item in items if "environment" in item)


def ends(model: Model, service: str) -> bool:
    """Whether a service is a one-shot: another waits for it to end."""
    conditions = (
        (settings.get("depends_on") or {}).get(service, {}).get("condition") for settings in model["services"].values()
    )
    return "service_completed_successfully" in conditions


def adapt(model: Model, api: tuple[int, int]) -> dict[str, Any]:
    """The same for one engine's API: quick probes while starting, where it knows of them."""
    services = {}
    for name, settings in model["services"].items():
        check = settings.get("healthcheck")
        if check and api >= START_INTERVAL_API:
            check = {"start_interval": START_INTERVAL, **check, "start_period": START_PERIOD}
        elif check:
            check = _without(check, ("start_interval",))
        services[name] = {**settings, **({"healthcheck": check} if check else {})}
    return {**model, "services": services}


def fill(value: Any, secrets: Mapping[str, str]) -> Any:  # noqa: ANN401 - any part of a JSON document
    """The same with `⟦NAME⟧` replaced by the secret, its `$` escaped as Compose wants it."""
    if isinstance(value, str):
        return _SECRET.sub(lambda found: secrets.get(found[1], found[0]).replace("$", "$$"), value)
    if isinstance(value, Mapping):
        return {key: fill(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, secrets) for item in value]
    return value


def hide(text: str, secrets: Mapping[str, str]) -> str:
    """The same with every secret's value, where it is long enough to be one, as `⟦NAME⟧`."""
    forms = {form: name for name, value in secrets.items() for form in _forms(value) if len(form) >= SHORTEST_SECRET}
    for form, name in sorted(forms.items(), key=lambda item: -len(item[0])):
        text = text.replace(form, marker(name))
    return text


def _forms(value: str) -> set[str]:
    """A value as programs may print it: as it is, as Compose or JSON escape it, and each line of several."""
    lines = (
        {line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE} if "\n" in value else set()
    )
    dollars = value.replace("$", "$$")
    return {value, dollars, json.dumps(value)[1:-1], json.dumps(dollars)[1:-1], *lines}


def _service_to_run(settings: Model, services: tuple[str, ...]) -> dict[str, Any]:
    """What running a service needs. One that is built has no image yet, and Compose refuses it without any."""
    wanted = {other: how for other, how in (settings.get("depends_on") or {}).items() if other in services}
    changed = {"depends_on": wanted, "image": settings.get("image") or "built"}
    kept = {**_without(settings, _BUILDING), **changed}
    return {key: value for key, value in kept.items() if value not in _EMPTY or (key in _CLEARED and value is not None)}


def _service(settings: Model, labels: Mapping[str, str], image: str | None, *, ends: bool) -> dict[str, Any]:
    rendered = _without(settings, _DROPPED)
    if image:
        rendered |= {"image": image, "pull_policy": "never"}
    aliases = sorted({a for net in (settings.get("networks") or {}).values() for a in (net or {}).get("aliases") or ()})
    if "network_mode" not in settings:
        rendered["networks"] = {"default": {"aliases": aliases} if aliases else None}
    if deploy := settings.get("deploy"):
        rendered["deploy"] = _without(deploy, ("restart_policy",))  # Compose lets it win over `restart`
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
    """Compose takes a secret's content from its own environment only; a file's content travels under that name."""
    return {"environment": item.get("environment") or file_secret(key)}


def file_secret(key: str) -> str:
    """The variable that carries the content of a secret given as a file: another for `a_b`, `a-b` and `A_B`."""
    plain = re.sub("[^A-Z0-9]", "_", key.upper())
    if _PLAIN.fullmatch(key):
        return f"TAGSHIP_FILE_{plain}"
    return f"TAGSHIP_FILE_{plain}_{hashlib.sha256(key.encode()).hexdigest()[:8].upper()}"


def _env_files(services: Model) -> Iterator[Model]:
    return (item for service in services.values() for item in service.get("env_file") or ())


def _source_mounts(resolved: Model) -> Iterator[str]:
    for name, service in resolved["services"].items():
        for mount in service.get("volumes") or ():
            if mount.get("type") == "bind" and not str(mount.get("source", "")).startswith("/"):
                yield source_mount(name, mount.get("source"))


def source_mount(service: str, source: object) -> str:
    """What to say of a service that mounts a folder of the project."""
    return f"Service {service} mounts {source}, which the server doesn't have."


def long_names(release: str, resolved: Model) -> Iterator[str]:
    """What to say of each container whose name, in a release of that name, is longer than a resolver takes."""
    for name, settings in resolved["services"].items():
        container = f"{release}-{name}-{max(1, replicas(settings))}"
        if over := max(0, len(container) - DNS_LABEL):
            yield (
                f"Service {name}: its container's name {container} is {len(container)} characters long, and a name on "
                f"the network may have {DNS_LABEL}. Shorten the name of the service, app or environment by {over}."
            )


def _source(item: Any) -> str:  # noqa: ANN401 - short or long form
    return str(item.get("source", "")) if isinstance(item, Mapping) else str(item).partition(":")[0]


def _without(mapping: Model, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}
