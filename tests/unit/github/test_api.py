"""GitHub's API: every request and reply held to GitHub's own description, retries and limits included."""

import time
from collections.abc import Iterator

import pytest

from tagship import secret
from tagship.errors import ConfigError, GitHubError
from tagship.github import gate as approval
from tagship.github import protection
from tagship.github.api import TRIES, Repository
from tagship.github.api import repository as found
from tests.action import github as fake
from tests.openapi import ContractError


@pytest.fixture
def github() -> Iterator[fake.GitHub]:
    """A GitHub on this machine."""
    with fake.serve() as served:
        yield served


def repository(github: fake.GitHub, slept: list[float] | None = None, token: str = fake.TOKEN) -> Repository:
    naps = slept if slept is not None else []
    return Repository("o/r", token, f"{github.url}/api/v3", sleep=naps.append)


def test_an_environment_that_is_made_reads_back_as_protected(github: fake.GitHub) -> None:
    repo = repository(github)
    goal = protection.Protection(frozenset({("User", 7)}), prevent_self_review=True, branches={"main": 0})

    repo.put_environment("production", protection.payload(goal))
    repo.add_branch_policy("production", "main")

    found = approval.observe(repo, "production")
    assert protection.findings("production", found, private=False) == []
    assert protection.difference("production", found, goal) == []


def test_a_missing_environment_is_none(github: fake.GitHub) -> None:
    assert approval.observe(repository(github), "production") is None


def test_a_branch_policy_can_be_taken_away(github: fake.GitHub) -> None:
    github.protect("production", "dev*")
    repo = repository(github)

    repo.remove_branch_policy("production", repo.branch_policies("production")[0]["id"])

    assert repo.branch_policies("production") == []


def test_variables_are_made_and_changed(github: fake.GitHub) -> None:
    repo = repository(github)

    repo.set_variable("staging", "KNOWN_HOSTS", "one", exists=False)
    repo.set_variable("staging", "KNOWN_HOSTS", "two", exists=True)

    assert repo.variables("staging") == {"KNOWN_HOSTS": "two"}


def test_a_deployment_is_recorded_with_its_states(github: fake.GitHub) -> None:
    repo = repository(github)

    number = repo.create_deployment("staging", "a" * 40, "deploy")
    repo.add_status(number, "success", environment_url="https://staging.example.com", description="deploy")

    assert github.states(number)[-1] == "success"
    assert [found["id"] for found in repo.deployments("staging", "a" * 40)] == [number]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_tried_again(github: fake.GitHub, status: int) -> None:
    github.failures += [(status, {}), (status, {})]
    slept: list[float] = []

    assert repository(github, slept).environment("production") is None
    assert slept == [0.5, 1.0]


def test_a_secondary_limit_is_waited_for_as_long_as_github_says(github: fake.GitHub) -> None:
    github.failures += [(403, {"Retry-After": "7"}), (429, {})]
    slept: list[float] = []

    repository(github, slept).environment("production")

    assert slept == [7.0, 60.0]


def test_a_limit_that_lasts_longer_is_an_error_that_says_so(github: fake.GitHub) -> None:
    reset = str(int(time.time()) + 1800)
    github.failures.append((403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}))

    with pytest.raises(GitHubError, match="used up for another 30 minutes"):
        repository(github).environment("production")


def test_giving_up_says_what_github_said(github: fake.GitHub) -> None:
    github.failures += [(503, {})] * TRIES

    with pytest.raises(GitHubError, match="503: as the test wants it"):
        repository(github).environment("production")


def test_a_wrong_token_is_told_at_once_and_never_printed(github: fake.GitHub) -> None:
    with pytest.raises(GitHubError, match="401: Bad credentials") as caught:
        repository(github, token="wrong-token").environment("production")  # noqa: S106 - a test's

    assert "wrong-token" not in str(caught.value)
    assert len(github.requests) == 1


def test_a_token_that_was_pasted_with_a_newline_is_used_without_it_and_hidden(github: fake.GitHub) -> None:
    given = {"GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": f"{fake.TOKEN}\n", "GITHUB_API_URL": f"{github.url}/api/v3"}

    repo = found(given)

    assert repo is not None
    assert repo.environment("production") is None
    assert fake.TOKEN in secret.known()


@pytest.mark.parametrize("wrong", ["ghp_S3CRET…", "ghp_S3CRET\nghp_S3CRET"])
def test_a_token_that_no_header_can_have_is_said_and_not_printed(wrong: str) -> None:
    with pytest.raises(ConfigError, match="GITHUB_TOKEN has invalid characters") as caught:
        found({"GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": wrong})

    assert "S3CRET" not in str(caught.value)


def test_what_github_finds_invalid_is_not_to_be_tried_again_as_it_is(github: fake.GitHub) -> None:
    github.failures.append((422, {}))

    with pytest.raises(GitHubError, match="GitHub answered 422") as caught:
        repository(github).environment("production")

    assert caught.value.hint == "check the names and values that were given"


def test_a_name_with_a_slash_stays_one_name(github: fake.GitHub) -> None:
    repository(github).environment("a/b?c")

    assert github.requests[0][1] == "/repos/o/r/environments/a%2Fb%3Fc"


def test_the_contract_refuses_what_github_does_not_describe() -> None:
    with pytest.raises(ContractError):
        fake.DESCRIPTION.check_request("PUT", "/repos/o/r/environments/x", {"reviewer": []})
    with pytest.raises(ContractError):
        fake.DESCRIPTION.check_request("POST", "/repos/o/r/deployments/1/statuses", {"state": "done"})
    with pytest.raises(ContractError):
        fake.DESCRIPTION.check_request("GET", "/repos/o/r/nothing", None)
