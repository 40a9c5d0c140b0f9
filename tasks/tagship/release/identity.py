"""Computes the keyed hash that distinguishes the releases of an environment and reveals no secret."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from tagship.release.markers import Model
from tagship.secret import Secret


def configuration(
    key: bytes, model: Model, files: Mapping[str, str], images: Mapping[str, str], secrets: Mapping[str, Secret]
) -> str:
    """64 hex digits that change if images, variables, files or secrets change; the key keeps the secrets safe."""
    return keyed(key, [model, dict(files), dict(images), {name: value.reveal() for name, value in secrets.items()}])


def keyed(key: bytes, value: object) -> str:
    """A keyed hash of any JSON value: 64 hex digits."""
    return hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()
