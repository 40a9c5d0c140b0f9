"""Compares an accessory's container with the Compose file; names the differences, never values. Pure.

A label holds a digest of each key that the container was created from; keys that may hold a secret are compared
directly. For a container without that label, only what the engine shows is compared.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tagship import names

LABEL = f"{names.LABEL}.described"
_ELSEWHERE = {"image", "depends_on", "restart"}
"""Keys that are compared by name, don't matter at run time, or can be changed without recreation."""

Json = Mapping[str, Any]


def describe(model: Json) -> dict[str, Any]:
    """The project, with a label on each service that holds digests of its keys."""
    services = {
        name: {**service, "labels": {**service["labels"], LABEL: json.dumps(_digests(service, model), sort_keys=True)}}
        for name, service in (model.get("services") or {}).items()
    }
    return {**model, "services": services}


def differences(name: str, model: Json, filled: Json, container: Json) -> Iterator[str]:
    """Each difference between a container, as the engine inspects it, and a project's service, in a few words.

    `filled` is the model with its secrets.
    """
    service, made = model["services"][name], container["Config"]
    if made["Image"] != service.get("image"):
        yield f"image {made['Image']} → {service.get('image')}"
    changed = sorted(_variables(filled["services"][name], made))
    if changed:
        yield f"environment ({', '.join(changed)})"
    keys = {
        key
        for key, field in (("command", "Cmd"), ("entrypoint", "Entrypoint"))
        if _argv(filled, name, key, made[field])
    }
    known = (made.get("Labels") or {}).get(LABEL)
    if known:
        now, then = _digests(service, model), json.loads(known)
        keys |= {key for key in {*now, *then} if now.get(key) != then.get(key)} - (
            {"environment"} if changed else set()
        )
    elif _mounts(service, model) - {(mount["Destination"], mount.get("Name") or "") for mount in container["Mounts"]}:
        keys.add("volumes")
    yield from sorted(keys)


def _digests(service: Json, model: Json) -> dict[str, str]:
    """Digests of a service's keys, including the content of its configs; secrets are in them by name."""
    ours = f"{names.LABEL}."
    kept = {key: value for key, value in service.items() if key not in _ELSEWHERE and value}
    kept["labels"] = {key: value for key, value in service["labels"].items() if not key.startswith(ours)}
    kept["configs"] = [(use, (model.get("configs") or {}).get(use["source"])) for use in service.get("configs") or ()]
    return {
        key: hashlib.sha256(json.dumps(v, sort_keys=True).encode()).hexdigest()[:12] for key, v in kept.items() if v
    }


def _variables(service: Json, made: Json) -> Iterator[str]:
    """The names of variables whose value has changed."""
    there = dict(item.partition("=")[::2] for item in made["Env"] or ())
    for name, value in (service.get("environment") or {}).items():
        if value is not None and there.get(name) != str(value).replace("$$", "$"):
            yield name


def _argv(filled: Json, name: str, key: str, made: list[str] | None) -> bool:
    wanted = filled["services"][name].get(key)
    return bool(wanted) and [word.replace("$$", "$") for word in wanted] != made


def _mounts(service: Json, model: Json) -> set[tuple[str, str]]:
    """The paths of the service's named volumes."""
    mounts = (mount for mount in service.get("volumes") or () if mount.get("type") == "volume" and mount.get("source"))
    return {(mount["target"], model["volumes"][mount["source"]]["name"]) for mount in mounts}
