"""What tells one release in an environment from another: a keyed hash, which gives no secret away."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from tagship.release.markers import Model


def configuration(
    key: bytes, model: Model, files: Mapping[str, str], images: Mapping[str, str], secrets: Mapping[str, str]
) -> str:
    """64 hex digits that change when images, variables, files or secrets do; keyed: they give no secret away."""
    return keyed(key, [model, dict(files), dict(images), dict(secrets)])


def keyed(key: bytes, value: object) -> str:
    """64 hex digits of anything JSON can say: a keyed hash."""
    return hmac.new(key, json.dumps(value, sort_keys=True).encode(), hashlib.sha256).hexdigest()
