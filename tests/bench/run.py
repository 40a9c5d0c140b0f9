"""One measured run of a program."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Wall time from the program's start to its end, in seconds."""

    seconds: float
    boot: float = 0.0
    """Of it from the container's start until it answers, where that is known."""
