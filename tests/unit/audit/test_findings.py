"""Tests of what is made of the scanners' reports."""

import json
from datetime import date
from pathlib import Path

import pytest

from tests.audit.findings import Exemption, Finding, UnansweredError, exemptions, of_npm_audit, of_pip_audit, problems

FOUND = Finding("urllib3", "2.5.0", "GHSA-a", "requirements.txt", "2.5.1")
TODAY = date(2026, 11, 28)


def test_what_pip_audit_found_is_named_with_its_file_and_the_version_that_mends_it() -> None:
    flaw = {"id": "GHSA-a", "fix_versions": ["2.5.1"], "aliases": [], "description": ""}
    report = {"dependencies": [{"name": "urllib3", "version": "2.5.0", "vulns": [flaw]}], "fixes": []}

    assert of_pip_audit(json.dumps(report), "requirements.txt") == [FOUND]
    assert str(FOUND) == "requirements.txt: urllib3 2.5.0: GHSA-a; fixed in 2.5.1"


def test_a_package_that_nobody_could_be_asked_about_is_not_one_without_vulnerabilities() -> None:
    report = {"dependencies": [{"name": "urllib3", "skip_reason": "not found"}]}

    with pytest.raises(UnansweredError, match=r"^requirements\.txt: urllib3: not found$"):
        of_pip_audit(json.dumps(report), "requirements.txt")
    with pytest.raises(UnansweredError, match="405"):
        of_npm_audit('{"message": "405 Method Not Allowed"}', "package-lock.json")


def test_npms_advisory_is_taken_once_from_the_package_that_has_it() -> None:
    advisory = {"source": 1, "name": "ms", "range": "<2", "url": "https://github.com/advisories/GHSA-b"}
    report = {"vulnerabilities": {"ms": {"via": [advisory]}, "debug": {"via": ["ms"]}}}

    assert of_npm_audit(json.dumps(report), "lock") == [Finding("ms", "<2", "GHSA-b", "lock")]


def test_an_exception_holds_until_its_day_and_has_to_go_once_nothing_is_found() -> None:
    excepted = Exemption("GHSA-a", "urllib3", TODAY, "not called")

    assert problems([FOUND, FOUND], [], TODAY) == [str(FOUND)]
    assert problems([FOUND], [excepted], TODAY) == []
    assert "ended on 2026-11-28" in problems([FOUND], [excepted], date(2026, 11, 29))[0]
    assert "remove the exception" in problems([], [excepted], TODAY)[0]


def test_the_list_of_exceptions_can_be_read_and_its_example_too() -> None:
    text = (Path(__file__).parents[2] / "audit/exceptions.toml").read_text()
    example = "\n".join(line.removeprefix("# ") for line in text.partition("#\n")[2].splitlines())

    exemptions(text)
    assert [each.package for each in exemptions(example)] == ["urllib3"]
