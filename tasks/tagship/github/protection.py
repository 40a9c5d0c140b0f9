"""Compares an environment's protection on GitHub with what it should be. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

MOST_REVIEWERS = 6
"""GitHub's limit for an environment."""
_EVERY = frozenset({"*", "**", "*/*", "**/*"})

Reviewer = tuple[str, int]
"""`User` or `Team`, and its id."""


@dataclass(frozen=True)
class Protection:
    """An environment's rules, current or wanted."""

    reviewers: frozenset[Reviewer] = frozenset()
    prevent_self_review: bool = False
    wait_minutes: int = 0
    branches: Mapping[str, int] | None = None
    """Pattern → the policy's id (0 for a new one); None if the environment has no patterns of its own."""
    protected_branches: bool = False
    """Whether only branches with a protection rule may deploy."""
    variables: Mapping[str, str] | None = None


def parse(environment: Mapping[str, Any], policies: Iterable[Mapping[str, Any]]) -> Protection:
    """Parse GitHub's environment and its branch policies."""
    rules = {rule["type"]: rule for rule in environment.get("protection_rules") or ()}
    review = rules.get("required_reviewers", {})
    policy = environment.get("deployment_branch_policy") or {}
    custom = bool(policy.get("custom_branch_policies"))
    return Protection(
        reviewers=frozenset((r["type"], int(r["reviewer"]["id"])) for r in review.get("reviewers") or ()),
        prevent_self_review=bool(review.get("prevent_self_review")),
        wait_minutes=int(rules.get("wait_timer", {}).get("wait_timer") or 0),
        branches={str(p["name"]): int(p.get("id") or 0) for p in policies} if custom else None,
        protected_branches=bool(policy.get("protected_branches")),
    )


def findings(name: str, found: Protection | None, *, private: bool) -> list[str]:
    """What an environment lacks for `approval: required`; empty if it is protected."""
    if found is None:
        return [f"GitHub shows this token no environment {name!r}; a job that names it would create it unprotected"]
    lacking: list[str] = []
    if not found.reviewers:
        plan = " (on a private repository, required reviewers need GitHub Enterprise)" if private else ""
        lacking.append(f"{name} has no required reviewers{plan}")
    if found.branches is None and not found.protected_branches:
        lacking.append(f"{name} has no branch policy: any branch may deploy to it")
    elif found.branches and (every := _EVERY & found.branches.keys()):
        lacking.append(f"{name}'s branch policy {min(every)!r} lets any branch deploy to it")
    return lacking


def merge(found: Protection | None, wanted: Protection) -> Protection:
    """The wanted rules, combined with every current rule that is stricter."""
    if found is None:
        return wanted
    return replace(
        wanted,
        reviewers=found.reviewers or wanted.reviewers,
        prevent_self_review=found.prevent_self_review or wanted.prevent_self_review,
        wait_minutes=max(found.wait_minutes, wanted.wait_minutes),
        branches=found.branches if found.protected_branches or wanted.branches is None else wanted.branches,
        protected_branches=found.protected_branches,
    )


def difference(name: str, found: Protection | None, wanted: Protection) -> list[str]:
    """Lines that describe what `merge(found, wanted)` changes; empty for nothing."""
    goal, now = merge(found, wanted), found or Protection()
    lines = [] if found else [f"+ environment {name}"]
    if goal.reviewers != now.reviewers:
        lines.append(
            f"+ required reviewers: {', '.join(f'{kind} {number}' for kind, number in sorted(goal.reviewers))}"
        )
    if goal.prevent_self_review != now.prevent_self_review:
        lines.append("+ who started the run may not approve it")
    if goal.wait_minutes != now.wait_minutes:
        lines.append(f"~ wait timer: {now.wait_minutes} → {goal.wait_minutes} minutes")
    lines += [f"+ branch {branch}" for branch in sorted((goal.branches or {}).keys() - (now.branches or {}).keys())]
    lines += [f"- branch {branch}" for branch in sorted((now.branches or {}).keys() - (goal.branches or {}).keys())]
    before = now.variables or {}
    lines += [f"~ variable {key}" for key, value in (goal.variables or {}).items() if before.get(key) != value]
    return lines


def payload(goal: Protection) -> dict[str, Any]:
    """The request body for these rules. `PUT environments/NAME` replaces all of them."""
    restricted = goal.branches is not None or goal.protected_branches
    policy = {"protected_branches": goal.protected_branches, "custom_branch_policies": not goal.protected_branches}
    return {
        "wait_timer": goal.wait_minutes,
        "prevent_self_review": goal.prevent_self_review,
        "reviewers": [{"type": kind, "id": number} for kind, number in sorted(goal.reviewers)] or None,
        "deployment_branch_policy": policy if restricted else None,
    }
