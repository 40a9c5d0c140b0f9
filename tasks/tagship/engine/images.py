"""Reads the images on an engine."""

from collections.abc import Mapping
from typing import Any

from tagship.engine.client import Engine
from tagship.engine.containers import _MISSING
from tagship.errors import EngineError
from tagship.names import Digest


def image(engine: Engine, reference: str) -> dict[str, Any] | None:
    """The engine's data of an image; None if it doesn't exist."""
    try:
        found: dict[str, Any] = engine.get(f"/images/{reference}/json")
    except EngineError as error:
        if error.status == 404:  # noqa: PLR2004 - HTTP
            return None
        raise
    return found


def pushed_digests(found: Mapping[str, Any], repository: str) -> set[Digest]:
    """The digests of an image in a repository that it was pushed to or pulled from."""
    return {
        Digest(reference.partition("@")[2])
        for reference in found.get("RepoDigests") or ()
        if reference.partition("@")[0] == repository
    }


def image_config(engine: Engine, image: str) -> dict[str, Any] | None:
    """An image's settings for its containers; None if the engine doesn't have the image."""
    try:
        return (engine.get(f"/images/{image}/json").get("Config") or {}) if image else None
    except EngineError as error:
        if error.status == _MISSING:
            return None
        raise


def image_variables(engine: Engine, image: str) -> dict[str, str]:
    """The environment that an image gives to its containers."""
    config = image_config(engine, image) or {}
    return dict(line.partition("=")[::2] for line in config.get("Env") or ())
