"""Which stopped releases a server no longer needs. Pure."""

from tagship.deploy.observed import Observed
from tagship.deploy.steps import Plan, Remove


def plan_prune(observed: Observed, *, live: str, previous: str, keep: int) -> Plan:
    """Remove stopped releases beyond the newest `keep`; never the live one nor the one before it.

    A release that was never live is removed whatever its age: nobody can want it back. So is what a failed deploy left
    of one without containers.
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
