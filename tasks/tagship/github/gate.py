"""Refuses a deploy whose commit isn't reviewed or whose environment isn't protected on GitHub."""

import json
import os
from pathlib import Path
from typing import Any

from tagship.errors import ApprovalError, GitHubError
from tagship.github import protection
from tagship.github.api import Repository, understood
from tagship.project.schema import Environment
from tagship.reporting import events
from tagship.source import git

ALLOW = "TAGSHIP_ALLOW_UNPROTECTED"
JOB = "TAGSHIP_JOB"
"""The number of the current job. GitHub provides it only in expressions, as `job.check_run_id`."""
_OF_BASE = "pull_request_target"
"""The only event of pull requests whose run belongs to the base branch."""


def refuse_unreviewed(folder: Path, sha: str = "") -> None:
    """In GitHub Actions, raises ApprovalError unless a commit is on the run's branch.

    Protection of branches and environments, and reviewers, look at the run's branch; a commit given by hand, or checked
    out, would bypass them. `sha`: by default the checked-out commit.
    """
    reviewed, branch = os.environ.get("GITHUB_SHA", ""), os.environ.get("GITHUB_REF_NAME", "")
    event = os.environ.get("GITHUB_EVENT_NAME", "")
    if os.environ.get("GITHUB_ACTIONS") != "true" or (event.startswith("pull_request") and event != _OF_BASE):
        return
    sha = sha or git.head(folder)
    tips = (reviewed, f"refs/remotes/origin/{branch}")
    if sha in {"", reviewed} or any(git.is_ancestor(sha, tip, folder) for tip in tips):
        return
    if git.shallow(folder):
        raise ApprovalError(
            f"A shallow clone doesn't show whether {sha[:8]} is on {branch}, the branch of this run.",
            hint="give actions/checkout `fetch-depth: 0`; nothing was changed",
        )
    raise ApprovalError(
        f"{sha[:8]} is not on {branch}, the branch of this run, so that branch's protection hasn't checked it.",
        hint="merge it first, or run the workflow on a branch that has it; nothing was changed",
    )


def require_protection(repo: Repository | None, settings: Environment, deployment: int | None) -> bool:
    """Check that the environment is protected; returns False if that is overridden.

    Raises ApprovalError, also when unsure.
    """
    try:
        lacking = check(repo, settings, deployment)
    except GitHubError as error:
        lacking = [f"the protection of {settings.name} can't be read: {error.problem}"]
    overridden = bool(lacking) and os.environ.get(ALLOW) == settings.name
    events.tell("approval", environment=settings.name, findings=lacking, overridden=overridden)
    if lacking and not overridden:
        raise ApprovalError(
            "\n".join(lacking),
            hint=f"run `tagship github.protect --env {settings.name}`, or give the action "
            f"`allow-unprotected: {settings.name}`, which every run warns about; nothing was changed",
        )
    return not lacking


def check(repo: Repository | None, settings: Environment, deployment: int | None) -> list[str]:
    """What this run lacks to deploy there: protection, the environment's branch, the environment's job."""
    if repo is None:
        return ["there is no token to read the protection: give the job `permissions: actions: read`"]
    lacking = protection.findings(settings.name, observe(repo, settings.name), private=_private())
    ref = os.environ.get("GITHUB_REF", "")
    if settings.branch and ref != f"refs/heads/{settings.branch}":
        lacking.append(f"this run belongs to {ref or 'no branch'}, but {settings.name}'s branch is {settings.branch}")
    if not os.environ.get(JOB):
        lacking.append(
            "the number of this job is unknown: without the action, give the step "
            f"`env: {JOB}: ${{{{ job.check_run_id }}}}`"
        )
    elif deployment is None:
        lacking.append(
            f"this job has no deployment to {settings.name}: give it `environment: {settings.name}` "
            "and `permissions: deployments: write`"
        )
    return lacking


def observe(repo: Repository, name: str) -> protection.Protection | None:
    """An environment's current rules; None if it doesn't exist. Raises GitHubError."""
    found = repo.environment(name)
    if found is None:
        return None
    with understood():
        custom = (found.get("deployment_branch_policy") or {}).get("custom_branch_policies")
        return protection.parse(found, repo.branch_policies(name) if custom else ())


def _private() -> bool:
    """Whether the run's repository is private, according to the event; without an event it counts as public."""
    try:
        event: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
    except (KeyError, OSError, ValueError):
        return False
    return bool((event.get("repository") or {}).get("private"))
