"""Healthchecks that only look good."""

import pytest

from tagship.setup import healthchecks


@pytest.mark.parametrize(
    "test",
    [
        ["CMD", "true"],
        ["CMD-SHELL", "exit 0"],
        ["CMD", "/bin/true"],
        ["CMD-SHELL", "echo ok"],
        ["CMD-SHELL", "curl -f http://127.0.0.1/ || true"],
        ["CMD-SHELL", "curl -f http://127.0.0.1/ || exit 0"],
        ["CMD", "sh", "-c", "exit 0"],
        ["CMD", "pgrep", "gunicorn"],
        ":",
    ],
    ids=str,
)
def test_what_cannot_fail_says_nothing(test: object) -> None:
    assert healthchecks.hollow(test)


@pytest.mark.parametrize(
    "test",
    [
        ["CMD", "curl", "-f", "http://127.0.0.1/"],
        ["CMD-SHELL", "curl -f http://127.0.0.1/ || exit 1"],
        ["CMD", "pg_isready"],
        ["CMD", "test", "-e", "/run/true"],
    ],
    ids=str,
)
def test_what_can_fail_counts(test: object) -> None:
    assert healthchecks.hollow(test) == ""
