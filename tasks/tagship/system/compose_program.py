"""Docker Compose, as a program."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tagship.system import programs

_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")


def as_yaml(model: Mapping[str, Any]) -> str:
    """JSON that YAML reads, too: JSON escapes a character beyond the basic plane as two, which YAML refuses."""
    return _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(model))


def command() -> list[str]:
    """The argv that Compose is run by. Raises ToolError when it isn't installed."""
    return programs.docker_plugin("compose")
