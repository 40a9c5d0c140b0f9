"""Decides which stopped releases to remove. Pure."""

from tagship.deploy.observed import Observed
from tagship.deploy.steps import Plan, Remove


def plan_prune(observed: Observed, *, live: str, previous: str, keep: int) -> Plan:
    """Remove stopped releases beyond the newest `keep`; never the live one or the one before it.

    Always removes releases that were never live, because nobody can roll back to them, and networks of failed deploys.
    """
    proven = {entry.release for entry in observed.history if entry.proves}
    stopped = [r for r in observed.releases if r.name not in {live, previous} and not r.runs]
    stopped.sort(key=lambda release: release.created, reverse=True)
    kept = max(0, keep - (1 if previous else 0))
    good = [release for release in stopped if release.name in proven][:kept]
    return (
        *(Remove(release.name) for release in stopped if release not in good),
        *(Remove(name) for name in observed.empty if name != live),
    )
