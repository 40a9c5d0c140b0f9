"""When to give up waiting."""

import time
from dataclasses import dataclass

POLL = 0.1
"""Seconds between two looks at a deadline that may be moved meanwhile."""


@dataclass
class Deadline:
    """When to give up, on the monotonic clock; may be brought forward while somebody waits by it."""

    at: float = float("inf")

    def move(self, seconds: float) -> None:
        """So many seconds from now."""
        self.at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then, never below 0."""
        return max(0.0, self.at - time.monotonic())
