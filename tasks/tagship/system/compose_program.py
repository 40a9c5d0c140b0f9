"""Runs Docker Compose."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tagship.system import programs

_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")


def as_yaml(model: Mapping[str, Any]) -> str:
    """JSON that YAML can read: JSON escapes a character beyond the basic plane as two, which YAML refuses."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(model))


def command() -> list[str]:
    """The argv of Compose. Raises ToolError if it isn't installed."""
    return programs.docker_plugin("compose")
