"""Which pull requests are the repository's own, by the runner's event."""

import json
from pathlib import Path
from typing import Any

import pytest

from action.pull_request import own_number

OURS, FORK = {"id": 1, "full_name": "o/r"}, {"id": 2, "full_name": "mallory/r"}


def number(folder: Path, head: Any, *, event: str = "pull_request", repository: str = "o/r") -> int:  # noqa: ANN401 - JSON
    """What is found for a pull request with that branch's repository."""
    told = {"pull_request": {"number": 12, "head": {"repo": head}, "base": {"repo": OURS}}}
    (folder / "event.json").write_text(json.dumps(told))
    path = str(folder / "event.json")
    return own_number({"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": path, "GITHUB_REPOSITORY": repository})


def test_a_branch_of_the_repository_is_its_own(tmp_path: Path) -> None:
    assert number(tmp_path, OURS) == 12


@pytest.mark.parametrize("head", [FORK, None, {}, {**FORK, "full_name": "o/r"}, "o/r"])
def test_a_fork_or_a_deleted_one_is_not(tmp_path: Path, head: object) -> None:
    assert number(tmp_path, head) == 0


@pytest.mark.parametrize("event", ["push", "pull_request_target", "pull_request_review", ""])
def test_another_event_has_none(tmp_path: Path, event: str) -> None:
    assert number(tmp_path, OURS, event=event) == 0


def test_the_event_of_another_repository_or_none_counts_as_a_forks(tmp_path: Path) -> None:
    assert number(tmp_path, OURS, repository="o/other") == 0
    assert own_number({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(tmp_path / "none")}) == 0
    assert own_number({"GITHUB_EVENT_NAME": "pull_request"}) == 0
