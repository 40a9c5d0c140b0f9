"""Nothing is deployed from GitHub Actions unless a person had to approve; unsure is no."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagship.errors import ApprovalError
from tagship.github import deployments
from tagship.github import gate as approval
from tagship.project.schema import Environment
from tagship.reporting import events
from tests.action import github as fake
from tests.fakes.repositories import Repository

SHA = "a" * 40
PRODUCTION = Environment.model_validate(
    {"name": "production", "engine": "local", "url": "https://example.com", "branch": "main", "approval": "required"}
)


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake.GitHub]:
    """A GitHub on this machine, and the variables of a run of it."""
    with fake.serve() as served:
        told = {
            "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": fake.TOKEN, "GITHUB_SHA": SHA,
            "GITHUB_API_URL": served.url, "GITHUB_RUN_ID": fake.RUN, "GITHUB_REF": "refs/heads/main",
            "GITHUB_SERVER_URL": "https://github.com", approval.JOB: fake.JOB,
        }  # fmt: skip
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        for name in (approval.ALLOW, "GITHUB_EVENT_PATH"):
            monkeypatch.delenv(name, raising=False)
        yield served


def deploy() -> bool:
    """Whether a deploy got as far as to begin."""
    with deployments.supervise(PRODUCTION, action="deploy", tag=SHA):
        return True


def test_a_protected_environment_takes_a_deploy_and_its_deployment_says_how_it_went(github: fake.GitHub) -> None:
    github.protect("production", "main")
    number = github.begin("production", SHA)

    assert deploy()
    assert github.states(number) == ["in_progress", "in_progress", "success"]
    assert github.statuses[number][0]["environment_url"] == "https://example.com"


def test_a_deploy_that_fails_is_said_to_have_failed(github: fake.GitHub) -> None:
    github.protect("production", "main")
    number = github.begin("production", SHA)

    with pytest.raises(KeyError), deployments.supervise(PRODUCTION, action="deploy", tag=SHA):
        raise KeyError
    assert github.states(number)[-1] == "failure"


def test_an_environment_that_github_made_unprotected_takes_none(github: fake.GitHub) -> None:
    github.begin("production", SHA)

    with pytest.raises(ApprovalError, match="no required reviewers"):
        deploy()


def test_a_job_that_does_not_name_the_environment_deploys_nothing(github: fake.GitHub) -> None:
    github.protect("production", "main")
    github.begin("production", SHA, run="another run")

    with pytest.raises(ApprovalError, match="has no deployment"):
        deploy()


def test_another_jobs_deployment_of_the_same_run_is_not_ours(github: fake.GitHub) -> None:
    github.protect("production", "main")
    github.begin("production", SHA, job="2")

    with pytest.raises(ApprovalError, match="has no deployment"):
        deploy()


def test_a_deployment_that_still_waits_for_its_approval_is_none(github: fake.GitHub) -> None:
    github.protect("production", "main")
    github.begin("production", SHA, state="queued")

    with pytest.raises(ApprovalError, match="has no deployment"):
        deploy()


def test_a_job_that_does_not_know_which_it_is_deploys_nothing(
    github: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.protect("production", "main")
    github.begin("production", SHA)
    monkeypatch.delenv(approval.JOB)

    with pytest.raises(ApprovalError, match=r"TAGSHIP_JOB: \$\{\{ job\.check_run_id \}\}"):
        deploy()


def test_a_second_deploy_in_the_same_job_is_approved_too(github: fake.GitHub) -> None:
    github.protect("production", "main")
    github.begin("production", SHA)

    assert deploy()
    assert deploy()


def test_another_branch_deploys_nothing(github: fake.GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    github.protect("production", "main")
    github.begin("production", SHA)
    monkeypatch.setenv("GITHUB_REF", "refs/heads/feature")

    with pytest.raises(ApprovalError, match="refs/heads/feature"):
        deploy()


@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_cannot_be_read_counts_as_unprotected(
    github: fake.GitHub, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    github.failures += [(status, {})] * 20

    with pytest.raises(ApprovalError, match="can't be read"):
        deploy()


def test_without_a_token_nothing_is_deployed(github: fake.GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    github.protect("production", "main")
    monkeypatch.delenv("GITHUB_TOKEN")

    with pytest.raises(ApprovalError, match="no token"):
        deploy()


def test_an_override_is_for_one_environment_and_is_recorded(
    github: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = github.begin("production", SHA)
    monkeypatch.setattr(events, "_listeners", [])
    heard: list[tuple[str, object]] = []
    events.listen(lambda kind, facts: heard.append((kind, facts["overridden"])))

    monkeypatch.setenv(approval.ALLOW, "staging")
    with pytest.raises(ApprovalError):
        deploy()
    monkeypatch.setenv(approval.ALLOW, "production")

    assert deploy()
    assert heard == [("approval", False), ("approval", True)]
    assert "UNPROTECTED" in github.statuses[number][0]["description"]


def test_outside_actions_a_deployment_is_made_where_a_token_is_given(
    github: fake.GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")

    assert deploy()
    assert github.states(github.deployments[0]["id"])[-1] == "success"


@pytest.fixture
def run(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The clone of a run on `main`, whose second commit started it."""
    repository.write("app.py", "print(2)\n")
    told = {
        "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF_NAME": "main",
        "GITHUB_SHA": repository.commit(),
    }  # fmt: skip
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return repository


def stray(repository: Repository) -> str:
    """Check out a commit that is on no branch of anybody's."""
    repository.run("checkout", "-q", "--detach", repository.first)
    repository.write("app.py", "evil()\n")
    return repository.commit()


def test_a_commit_of_the_runs_branch_is_reviewed(run: Repository) -> None:
    approval.refuse_unreviewed(run.folder)
    approval.refuse_unreviewed(run.folder, run.first)


def test_a_commit_that_came_to_the_branch_since_is_reviewed_too(run: Repository) -> None:
    later = run.commit("later")
    run.run("update-ref", "refs/remotes/origin/main", later)

    approval.refuse_unreviewed(run.folder)


@pytest.mark.parametrize("event", ["workflow_dispatch", "pull_request_target"])
def test_a_commit_given_by_hand_does_not_go_round_the_branchs_protection(
    run: Repository, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    monkeypatch.setenv("GITHUB_EVENT_NAME", event)
    sha = stray(run)

    with pytest.raises(ApprovalError, match=f"{sha[:8]} is not on main, the branch of this run"):
        approval.refuse_unreviewed(run.folder)
    run.run("checkout", "-q", "main")
    with pytest.raises(ApprovalError, match=f"{sha[:8]} is not on main"):
        approval.refuse_unreviewed(run.folder, sha)


def test_a_history_that_was_tampered_with_convinces_nobody(run: Repository) -> None:
    sha = stray(run)
    run.run("replace", "--graft", os.environ["GITHUB_SHA"], run.first, sha)

    with pytest.raises(ApprovalError):
        approval.refuse_unreviewed(run.folder)


def test_a_shallow_clone_says_what_it_lacks(run: Repository, tmp_path: Path) -> None:
    run.run("clone", "-q", "--depth=1", f"file://{run.folder}", str(tmp_path / "shallow"))

    with pytest.raises(ApprovalError, match="A shallow clone doesn't show whether") as caught:
        approval.refuse_unreviewed(tmp_path / "shallow", run.first)

    assert "fetch-depth: 0" in caught.value.hint


def test_outside_of_actions_and_on_a_pull_request_the_branch_says_nothing(
    run: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray(run)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
    approval.refuse_unreviewed(run.folder)
    monkeypatch.setenv("GITHUB_EVENT_NAME", "push")
    monkeypatch.delenv("GITHUB_ACTIONS")
    approval.refuse_unreviewed(run.folder)
