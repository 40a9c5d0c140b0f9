"""What is wrong with a deploy before it has changed anything."""

import dataclasses

import pytest

from tagship.deploy.preflight import LEAST_DISK, LEAST_MEMORY, findings
from tests.fakes.builders import observed, rendered

WANTED = rendered("a", accessories=("cache", "db"))


def test_finds_everything_at_once() -> None:
    poor = dataclasses.replace(
        observed(None), accessories={"cache": "created"}, disk_free=LEAST_DISK - 1, memory_free=LEAST_MEMORY - 1
    )

    found = list(findings(WANTED, poor))

    assert len(found) == 3
    assert found[0].startswith("cache, db is not running")
    assert "1023 MiB" in found[1]
    assert "127 MiB" in found[2]


def test_a_server_that_is_fit_has_no_findings() -> None:
    fit = dataclasses.replace(
        observed(None),
        accessories={"cache": "running", "db": "running", "other": "exited"},
        disk_free=LEAST_DISK,
        memory_free=LEAST_MEMORY,
    )

    assert list(findings(WANTED, fit)) == []


def test_accessories_that_were_stopped_or_have_done_their_work_are_no_finding() -> None:
    there = dataclasses.replace(observed(None), accessories={"cache": "exited", "db": "ended"})

    assert list(findings(WANTED, there)) == []


@pytest.mark.parametrize("state", ["restarting", "paused", "dead"])
def test_an_accessory_that_starting_would_not_mend_is_a_finding(state: str) -> None:
    ill = dataclasses.replace(observed(None), accessories={"cache": "running", "db": state})

    (found,) = findings(WANTED, ill)

    assert found.startswith(f"db is {state}")


def test_what_nobody_looked_at_is_no_finding() -> None:
    assert list(findings(rendered("a"), observed(None))) == []
