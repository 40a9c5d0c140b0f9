"""Recognises healthchecks that only look good. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tagship.setup import compose

_NOTHING = re.compile(
    r"^(/bin/)?(true|:)$|^exit 0$|^echo\b[^|&;]*$|^sleep\b[^|&;]*$|^(ba)?sh -c ['\"]?(true|exit 0)['\"]?$"
)
_ALWAYS = re.compile(r"(\|\||;)\s*(/bin/)?(true|:|exit 0)\s*['\"]?$")
_PROCESS = re.compile(r"^(pgrep|pidof|ps|kill -0)\b")


def hollow(test: object) -> str:
    """Why a healthcheck says nothing; empty if it may say something. `test`: Compose's or the engine's."""
    words = test[1:] if isinstance(test, Sequence) and not isinstance(test, str) and test else test
    command = compose.words(words).strip()
    if _NOTHING.search(command):
        return f"`{command}` always succeeds"
    if _ALWAYS.search(command):
        return f"`{command}` succeeds whatever happens"
    if _PROCESS.search(command):
        return f"`{command}` only sees that a process exists"
    return ""


def of_service(settings: Mapping[str, Any]) -> str:
    """Why a service's healthcheck says nothing; empty without one."""
    check = settings.get("healthcheck") or {}
    return hollow(check["test"]) if check.get("test") else ""
