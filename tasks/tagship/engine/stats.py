"""What a container uses: CPU and memory, from the engine's own measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tagship.engine.client import Engine

_CACHES = ("inactive_file", "total_inactive_file")
"""Page cache that can be dropped, under cgroups 2 and 1; `docker stats` leaves it out, too."""


@dataclass(frozen=True)
class Usage:
    """What a container uses."""

    cpu: float
    """Percent of one processor, over about a second."""
    memory: int
    """Bytes, without page cache that can be dropped."""


def usage(engine: Engine, container: str) -> Usage | None:
    """Measure for about a second; None if it doesn't run. Raises EngineError."""
    return measured(engine.get(f"/containers/{container}/stats", stream=False))


def measured(raw: Mapping[str, Any]) -> Usage | None:
    """The usage in the engine's answer. Pure."""
    now, before, memory = raw["cpu_stats"], raw["precpu_stats"], raw["memory_stats"]
    if "usage" not in memory:
        return None
    busy = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    processors = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or [0])
    cache = next((memory["stats"][name] for name in _CACHES if name in (memory.get("stats") or {})), 0)
    return Usage(100 * busy * processors / passed if passed > 0 else 0.0, max(0, memory["usage"] - cache))
