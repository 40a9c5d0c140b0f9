"""When to give up waiting."""

import time
from dataclasses import dataclass

POLL = 0.1
"""Seconds between two checks of a deadline that may move meanwhile."""


@dataclass
class Deadline:
    """When to give up, on the monotonic clock. It may move while somebody waits for it."""

    at: float = float("inf")

    def move(self, seconds: float) -> None:
        """Set it to so many seconds from now."""
        self.at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, never below 0."""
        return max(0.0, self.at - time.monotonic())
