"""The result of a deploy."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """What a deploy or a rollback did to an environment."""

    environment: str
    release: str
    tag: str
    previous: str
    url: str
    changed: bool
    images: Mapping[str, str]
    migrations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    canary: str = ""
    """How its canary went; empty without one."""
    way_back: tuple[str, ...] = ()
    """How to go back from it, as declared before migrating, for people; empty if no migration differs."""
    at: str = ""
    """When it began, ISO 8601 by the engine's clock; empty if nothing was done."""
    seconds: float = 0
