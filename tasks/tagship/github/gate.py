"""A deploy as GitHub sees it: refused while its environment isn't protected, and recorded as it goes."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tagship.errors import ApprovalError, ConfigError
from tagship.github import protection
from tagship.github.api import PUBLIC, GitHubError, Repository
from tagship.project.schema import Environment
from tagship.reporting import events
from tagship.source import git

ALLOW = "TAGSHIP_ALLOW_UNPROTECTED"
JOB = "TAGSHIP_JOB"
"""The number of the job that we are in: GitHub tells it to expressions alone, as `job.check_run_id`."""
_OF_BASE = "pull_request_target"
"""The one event of a pull request whose run is of the base branch."""
_DESCRIPTION = 140
"""Characters GitHub takes for a status's description."""


def repository(environment: Mapping[str, str]) -> Repository | None:
    """The repository of GITHUB_REPOSITORY, with the token of GITHUB_TOKEN; None unless both are set."""
    name, token = environment.get("GITHUB_REPOSITORY", ""), environment.get("GITHUB_TOKEN", "")
    return Repository(name, token, environment.get("GITHUB_API_URL") or PUBLIC) if name and token else None


def needed(environment: Mapping[str, str]) -> Repository:
    """The same for a task that can't do without. Raises ConfigError."""
    found = repository(environment)
    if found is None:
        raise ConfigError("GITHUB_REPOSITORY and GITHUB_TOKEN are not both set.", hint="set OWNER/NAME and a token")
    return found


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


@contextmanager
def supervise(settings: Environment, *, action: str, tag: str) -> Iterator[None]:
    """Around a deploy: in GitHub Actions with `approval: required`, nothing begins unless a person had to approve.

    With GITHUB_REPOSITORY and GITHUB_TOKEN set, its deployment gets in_progress and then success or failure. Raises
    ApprovalError.
    """
    repo = repository(os.environ)
    in_actions = os.environ.get("GITHUB_ACTIONS") == "true"
    deployment = _of_this_job(repo, settings.name) if repo and in_actions else None
    remark = action
    if in_actions and settings.approval == "required" and not approve(repo, settings, deployment):
        remark = f"{action} UNPROTECTED ({ALLOW})"
    if repo is None or (in_actions and deployment is None):
        yield
        return
    with _recorded(repo, deployment, settings, tag, remark):
        yield


def approve(repo: Repository | None, settings: Environment, deployment: int | None) -> bool:
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


@contextmanager
def _recorded(repo: Repository, deployment: int | None, settings: Environment, tag: str, remark: str) -> Iterator[None]:
    """Statuses of a deployment; one is made where the job's environment made none. Failing to is no reason to stop."""

    def say(state: str) -> None:
        try:
            if deployment is not None:
                repo.add_status(
                    deployment,
                    state,
                    environment_url=settings.url,
                    log_url=_run_url(),
                    description=remark[:_DESCRIPTION],
                )
        except GitHubError as error:
            events.tell("note", text=f"GitHub has no status of this deployment: {error.problem}")

    if deployment is None and tag:
        try:
            deployment = repo.create_deployment(settings.name, tag[:40], remark[:_DESCRIPTION])
        except GitHubError as error:
            events.tell("note", text=f"GitHub has no record of this deployment: {error.problem}")
    say("in_progress")
    try:
        yield
    except BaseException:
        say("failure")
        raise
    say("success")


def _of_this_job(repo: Repository, environment: str) -> int | None:
    """The deployment that this very job made by naming the environment; None when there is none.

    Another job's of the same run may still wait for its approval. Ours is in progress since somebody gave it.
    """
    job = os.environ.get(JOB, "")
    ours = f"/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}/job/{job}"
    try:
        for deployment in repo.deployments(environment, os.environ.get("GITHUB_SHA", "")) if job else ():
            for status in repo.statuses(int(deployment["id"])):
                said = urlsplit(status.get("log_url") or status.get("target_url") or "")
                if said.path.endswith(ours) and status["state"] == "in_progress":
                    return int(deployment["id"])
    except GitHubError:
        return None
    return None


def _run_url() -> str:
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return ""
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"


def _private() -> bool:
    """Whether the run's repository is private, as the event says; without an event, unknown counts as public."""
    try:
        event: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text())
    except (KeyError, OSError, ValueError):
        return False
    return bool((event.get("repository") or {}).get("private"))
