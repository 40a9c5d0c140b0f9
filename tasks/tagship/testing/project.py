"""A release's containers in memory, service by service."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass
class MemoryProject:
    """A release's containers: service → how many there are, and how many run."""

    created: float
    present: dict[str, int]
    running: dict[str, int] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    """Services that have run, now or before."""

    @property
    def fresh(self) -> dict[str, int]:
        """Those that never have."""
        return {service: count for service, count in self.present.items() if service not in self.started}

    def run(self, services: Iterable[str]) -> dict[str, int]:
        """Have these run; returns those that didn't, with how many there are."""
        idle = {s: self.present[s] for s in services if self.present.get(s, 0) > self.running.get(s, 0)}
        self.running = self.running | idle
        self.started.update(idle)
        return idle

    def stop(self, services: Collection[str]) -> list[str]:
        """Stop these, or all where none is named; returns those that ran."""
        stopped = [s for s in self.running if not services or s in services]
        self.running = {s: count for s, count in self.running.items() if s not in stopped}
        return stopped
