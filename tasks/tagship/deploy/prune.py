"""Decides which stopped releases to remove. Pure."""

from collections.abc import Container
from dataclasses import replace

from tagship.deploy.observed import Observed
from tagship.deploy.rollback import choose_rollback
from tagship.deploy.steps import Drain, EndCanary, Plan, Remove, Stop
from tagship.errors import CheckError, SourceError


def plan_prune(observed: Observed, *, live: str, previous: str, keep: int) -> Plan:
    """Remove stopped releases beyond the newest `keep`; never the live one or the one before it.

    Always removes releases that were never live, because nobody can roll back to them, and networks of failed deploys.
    """
    proven = {entry.release for entry in observed.history if entry.proves}
    idle = [r for r in observed.releases if r.name not in {live, previous} and not r.runs]
    idle.sort(key=lambda release: release.created, reverse=True)
    kept = max(0, keep - (1 if previous else 0))
    good = [release for release in idle if release.name in proven][:kept]
    return (
        *(Remove(release.name) for release in idle if release not in good),
        *(Remove(name) for name in observed.empty if name != live),
    )


def stopped(observed: Observed, names: Container[str]) -> Observed:
    """The same, once these releases are stopped."""
    releases = tuple(replace(r, running={}) if r.name in names else r for r in observed.releases)
    return replace(observed, releases=releases)


def plan_tidying(observed: Observed, *, keep: int, drain: float) -> Plan:
    """The same outside a deploy; before it, stop what killed deploys left running.

    Raises CheckError if releases run and none is known as live, because one of them may well serve.
    """
    left = {r.name for r in observed.releases if r.runs and r.name != observed.live}
    if left and not observed.live:
        raise CheckError(
            f"No release is known as live, but {' and '.join(sorted(left))} run{'s' if len(left) == 1 else ''}.",
            hint="deploy first, which makes one live",
        )
    try:
        previous = choose_rollback(observed)[0]
    except SourceError:
        previous = ""
    return (
        *((EndCanary(observed.canary.release),) if observed.canary else ()),
        *(step for name in sorted(left) for step in (Drain(name, drain), Stop(name))),
        *plan_prune(stopped(observed, left), live=observed.live, previous=previous, keep=keep),
    )
