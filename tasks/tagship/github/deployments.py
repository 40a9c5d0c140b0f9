"""Records a deploy on GitHub as a deployment with statuses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tagship.errors import GitHubError
from tagship.github.api import Repository, repository
from tagship.github.gate import ALLOW, JOB, require_protection
from tagship.project.schema import Environment
from tagship.reporting import events

_DESCRIPTION = 140
"""The most characters that GitHub accepts for a status's description."""


@contextmanager
def supervise(settings: Environment, *, action: str, tag: str) -> Iterator[None]:
    """In GitHub Actions with `approval: required`, check the protection before a deploy; record the deploy.

    If GITHUB_REPOSITORY and GITHUB_TOKEN are set, the deployment gets the status in_progress, then success or failure.
    Raises ApprovalError if the environment isn't protected.
    """
    repo = repository(os.environ)
    in_actions = os.environ.get("GITHUB_ACTIONS") == "true"
    deployment = _of_this_job(repo, settings.name) if repo and in_actions else None
    remark = action
    if in_actions and settings.approval == "required" and not require_protection(repo, settings, deployment):
        remark = f"{action} UNPROTECTED ({ALLOW})"
    if repo is None or (in_actions and deployment is None):
        yield
        return
    with _recorded(repo, deployment, settings, tag, remark):
        yield


@contextmanager
def _recorded(repo: Repository, deployment: int | None, settings: Environment, tag: str, remark: str) -> Iterator[None]:
    """Set the statuses of a deployment; create one if the job has none. A failure to do so is only noted."""

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
            events.tell("note", text=f"GitHub didn't get a status of this deployment: {error.problem}")

    if deployment is None and tag:
        try:
            deployment = repo.create_deployment(settings.name, tag[:40], remark[:_DESCRIPTION])
        except GitHubError as error:
            events.tell("note", text=f"GitHub didn't record this deployment: {error.problem}")
    say("in_progress")
    try:
        yield
    except BaseException:
        say("failure")
        raise
    say("success")


def _of_this_job(repo: Repository, environment: str) -> int | None:
    """The deployment that this job created by naming the environment; None if there is none.

    A deployment of another job in the run may still wait for approval. This job's is in progress, so it was approved.
    """
    job = os.environ.get(JOB, "")
    ours = f"/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}/job/{job}"
    try:
        for deployment in repo.deployments(environment, os.environ.get("GITHUB_SHA", "")) if job else ():
            for status in repo.statuses(int(deployment["id"])):
                log = urlsplit(status.get("log_url") or status.get("target_url") or "")
                if log.path.endswith(ours) and status["state"] == "in_progress":
                    return int(deployment["id"])
    except GitHubError:
        return None
    return None


def _run_url() -> str:
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return ""
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"
