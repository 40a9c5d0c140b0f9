"""A release to bring, and how it is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tagship.deploy.observed import Observed
from tagship.release.model import Record, Rendered


@dataclass(frozen=True)
class Candidate:
    """A release in an environment's configuration, and the values of its secrets."""

    rendered: Rendered
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    restores: str = ""
    """What a rollback goes back to, by the name it was deployed under."""


Recorded = Callable[[str], Record | None]
"""Reads what was kept of a release, by its name."""
Choice = Callable[[Observed, Recorded], Candidate]
"""Which release to bring, given what is observed and how to read what was kept of one."""
Again = Callable[[Observed, Record], Candidate]
"""A release as it was brought before, rendered again from its record."""
