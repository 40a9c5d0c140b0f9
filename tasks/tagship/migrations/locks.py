"""Recognises a migration that gave up waiting for a lock, and says how long to pause before the next try. Pure."""

import re
from collections.abc import Iterator

LONGEST_PAUSE = 30.0
"""Seconds."""
_TIMED_OUT = re.compile(r"\b55P03\b|LockNotAvailable|lock_not_available|canceling statement due to lock timeout")
"""PostgreSQL's SQLSTATE, its names in drivers (psycopg, asyncpg, Rails), and its message, which may be translated."""


def timed_out(output: str) -> bool:
    """Whether the output of a failed migration names a lock timeout."""
    return _TIMED_OUT.search(output) is not None


def pauses(times: int) -> Iterator[float]:
    """The seconds to pause before each repetition: 1, 2, 4 and so on, so that the waiting requests get their turn."""
    return (min(2.0**number, LONGEST_PAUSE) for number in range(times))
