"""A release's containers in memory."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass
class MemoryProject:
    """A release's containers: service → how many exist, and how many run."""

    created: float
    present: dict[str, int]
    running: dict[str, int] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    """Services that are running or have run before."""

    @property
    def fresh(self) -> dict[str, int]:
        """Services that were never started."""
        return {service: count for service, count in self.present.items() if service not in self.started}

    def run(self, services: Iterable[str]) -> dict[str, int]:
        """Start these services. Returns those that weren't running, with their number of containers."""
        idle = {s: self.present[s] for s in services if self.present.get(s, 0) > self.running.get(s, 0)}
        self.running = self.running | idle
        self.started.update(idle)
        return idle

    def stop(self, services: Collection[str]) -> list[str]:
        """Stop these services, or all if none is named. Returns those that were running."""
        stopped = [s for s in self.running if not services or s in services]
        self.running = {s: count for s, count in self.running.items() if s not in stopped}
        return stopped
