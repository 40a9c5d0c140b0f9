"""Renders the lines of containers for people: JSON as a sentence with its fields, times by this machine's clock."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_LEVELS = ("level", "levelname", "severity", "lvl", "log.level")
_MESSAGES = ("message", "msg", "event", "text", "short_message")
_TIMES = frozenset({"timestamp", "time", "ts", "@timestamp", "asctime", "datetime", "t", "date"})
_TRACES = ("exc_info", "exception", "traceback", "stack", "stack_trace", "error.stack_trace", "exc_text")
_NUMBERS = {10: "trace", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
"""Levels that pino and bunyan write as numbers; Python's differ, but its loggers write names."""
_RED, _YELLOW = "31", "33"
_COLORS = {"warning": _YELLOW, "warn": _YELLOW} | dict.fromkeys(
    ("error", "err", "critical", "fatal", "alert", "emergency", "panic"), _RED
)
_CONTROLS = re.compile(
    r"(?P<color>\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)
"""What an app could print to control the terminal.

The last alternative takes what is left of a broken sequence, so that taking out one can't complete another.
"""
_DEEP = 100
"""Levels of JSON that are read as fields."""


def fields(text: str) -> dict[str, Any] | None:
    """The fields of a line that is a JSON object; None for any other."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    brackets = text.count("[") + text.count("{")
    return found if isinstance(found, dict) and found and not (brackets > _DEEP and _deeper(found, _DEEP)) else None


def clock(at: str, now: datetime) -> str:
    """A time by this machine's clock and zone: `14:03:22`, with the date on another day than today."""
    try:
        here = datetime.fromisoformat(at).astimezone(now.tzinfo)
    except ValueError:
        return at
    return f"{here:%H:%M:%S}" if here.date() == now.date() else f"{here:%b %d %H:%M:%S}"


def rendered(text: str, *, terminal: bool, color: bool) -> list[str]:
    """A line as people read it; several for a JSON object with a traceback.

    `terminal`: keep what would change the terminal out of it. `color`: errors red, warnings yellow, and the app's own.
    """
    found = fields(text)
    shown = list(_told(found, color=color)) if found else [text]
    return [harmless(line, color=color) for line in shown] if terminal else shown


def harmless(text: str, *, color: bool) -> str:
    """A line without what would change the terminal."""
    return _CONTROLS.sub(lambda found: (color and found["color"]) or "", text)


def _told(found: Mapping[str, Any], *, color: bool) -> Iterator[str]:
    level, message = _first(found, _LEVELS), _first(found, _MESSAGES)
    name = _level(found[level]) if level else ""
    traces = [key for key in _TRACES if isinstance(found.get(key), str) and "\n" in found[key]]
    left = {level, message, *traces} | (_TIMES & found.keys())
    rest = " ".join(f"{key}={_value(value)}" for key, value in found.items() if key not in left)
    code = _COLORS.get(name.lower()) if color else None
    mark = f"\x1b[{code}m{name.upper()}\x1b[0m" if code else name.upper()
    said = " ".join(filter(None, (mark, str(found[message]) if message else "", rest)))
    for text in (said, *(found[key] for key in traces)):
        yield from text.rstrip().splitlines() or [""]


def _deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not levels or any(_deeper(each, levels - 1) for each in inner)


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((name for name in names if isinstance(found.get(name), str | int)), None)


def _level(value: object) -> str:
    return _NUMBERS.get(value, str(value)) if isinstance(value, int) else str(value)


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value and not re.search(r"[\s=\"]", value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
