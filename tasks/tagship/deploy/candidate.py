"""The release to deploy, and how it is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tagship.deploy.observed import Observed
from tagship.release.model import Record, Rendered
from tagship.secret import Secret


@dataclass(frozen=True)
class Candidate:
    """A release in an environment's configuration, with the values of its secrets."""

    rendered: Rendered
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    restores: str = ""
    """The deploy that a rollback restores, by the name that its release had."""


Recorded = Callable[[str], Record | None]
"""Reads the stored record of a release, by its name."""
Choice = Callable[[Observed, Recorded], Candidate]
"""Chooses the release to deploy, from the observed state and a reader of records."""
Again = Callable[[Observed, Record], Candidate]
"""Renders a release of the past again, from its record."""
