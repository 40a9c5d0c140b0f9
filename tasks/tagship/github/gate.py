"""A deploy as GitHub sees it: refused while its environment isn't protected, and recorded as it goes."""

import json
import os
from pathlib import Path
from typing import Any

from tagship.errors import ApprovalError
from tagship.github import protection
from tagship.github.api import GitHubError, Repository
from tagship.project.schema import Environment
from tagship.reporting import events
from tagship.source import git

ALLOW = "TAGSHIP_ALLOW_UNPROTECTED"
JOB = "TAGSHIP_JOB"
"""The number of the job that we are in: GitHub tells it to expressions alone, as `job.check_run_id`."""
_OF_BASE = "pull_request_target"
"""The one event of a pull request whose run is of the base branch."""


def refuse_unreviewed(folder: Path, sha: str = "") -> None:
    """In GitHub Actions, raises ApprovalError unless a commit is on the branch that the run is of.

    The protection of branches and environments, and the person who approves, look at the run's branch: a commit given
    by hand, or checked out, would go round them. `sha`: the one that is checked out if left out.
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
            f"Whether {sha[:8]} is on {branch}, the branch of this run, can't be seen in a shallow clone.",
            hint="nothing was changed; give actions/checkout `fetch-depth: 0`",
        )
    raise ApprovalError(
        f"{sha[:8]} is not on {branch}, the branch of this run: whoever protects that branch hasn't seen it.",
        hint="nothing was changed; merge it first, or run the workflow on a branch that has it",
    )


def require_protection(repo: Repository | None, settings: Environment, deployment: int | None) -> bool:
    """Whether the environment is protected; False where that is overridden. Raises ApprovalError, also when unsure."""
    try:
        lacking = check(repo, settings, deployment)
    except GitHubError as error:
        lacking = [f"how {settings.name} is protected can't be read: {error.problem}"]
    overridden = bool(lacking) and os.environ.get(ALLOW) == settings.name
    events.tell("approval", environment=settings.name, findings=lacking, overridden=overridden)
    if lacking and not overridden:
        raise ApprovalError(
            "\n".join(lacking),
            hint=f"nothing was changed; run `tagship github.protect --env {settings.name}`, or give the action "
            f"`allow-unprotected: {settings.name}`, which every run will shout about",
        )
    return not lacking


def check(repo: Repository | None, settings: Environment, deployment: int | None) -> list[str]:
    """What is lacking for this run to deploy there: protection, the environment's branch, the environment's job."""
    if repo is None:
        return ["there is no token to read the protection with: give the job `permissions: actions: read`"]
    lacking = protection.findings(settings.name, observe(repo, settings.name), private=_private())
    ref = os.environ.get("GITHUB_REF", "")
    if settings.branch and ref != f"refs/heads/{settings.branch}":
        lacking.append(f"this run is of {ref or 'no branch'}, and {settings.name}'s branch is {settings.branch}")
    if not os.environ.get(JOB):
        lacking.append(
            "which of the run's jobs this is can't be told: without the action, give the step "
            f"`env: {JOB}: ${{{{ job.check_run_id }}}}`"
        )
    elif deployment is None:
        lacking.append(
            f"this job made no deployment to {settings.name}: it has to say `environment: {settings.name}` "
            "and have `permissions: deployments: write`"
        )
    return lacking


def observe(repo: Repository, name: str) -> protection.Protection | None:
    """An environment's rules as they stand; None when there is no such environment."""
    found = repo.environment(name)
    if found is None:
        return None
    custom = (found.get("deployment_branch_policy") or {}).get("custom_branch_policies")
    return protection.parse(found, repo.branch_policies(name) if custom else ())


def _private() -> bool:
    """Whether the run's repository is private, as the event says; without an event, unknown counts as public."""
    try:
        event: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
    except (KeyError, OSError, ValueError):
        return False
    return bool((event.get("repository") or {}).get("private"))
