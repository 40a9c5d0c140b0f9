"""The search for committed secrets as a component of `lint`, with a kingfisher that finds what it is told to."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tagship.checks import committed
from tests.fakes.repositories import Repository
from tests.unit.commands.conftest import CONFIG, Run

FINDING = {
    "rule": {"name": "stripe-access-token"},
    "finding": {"fingerprint": "123", "path": "a.py", "line": 4, "git_metadata": {"commit": {"id": "bbd03add56"}}},
}
Finds = Callable[..., None]


@pytest.fixture
def finds(repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Finds:
    """Sets what kingfisher finds, and how it ends."""
    program, report = tmp_path / "kingfisher", tmp_path / "report.json"
    monkeypatch.setattr(committed, "program", lambda: str(program))
    (repository.folder / "tagship.yml").write_text(CONFIG)

    def told(*findings: object, code: int = 200) -> None:
        report.write_text(json.dumps({"findings": findings}))
        program.write_text(
            f'#!/bin/sh\nwhile [ "$1" != --output ]; do shift; done\ncp {report} "$2"; echo said; exit {code}\n'
        )
        program.chmod(0o755)

    told()
    return told


def test_a_secret_in_the_history_fails_lint_and_is_named_by_number_place_and_kind(run: Run, finds: Finds) -> None:
    finds(FINDING, FINDING)

    ran = run("lint")

    assert ran.code == 5
    assert "123  a.py:4  stripe-access-token  bbd03add" in ran.out
    assert "put its number into .secrets-baseline" in ran.out
    assert "lint failed: secrets." in ran.err


@pytest.mark.parametrize(
    ("config", "baseline"), [("", "123 a.py\n"), ("secret-scan: {exclude: 'a.*'}\n", ""), ("", "# why\n\n123\n")]
)
@pytest.mark.usefixtures("repository")
def test_what_the_baseline_or_a_pattern_accepts_passes(run: Run, finds: Finds, config: str, baseline: str) -> None:
    finds(FINDING)
    Path("tagship.yml").write_text(CONFIG + config)
    Path(".secrets-baseline").write_text(baseline)

    ran = run("lint", "--component", "secrets")

    assert ran.code == 0, ran.out
    assert ran.out.splitlines()[-1].split()[:2] == ["secrets", "passed"]


def test_a_search_that_fails_is_no_success(run: Run, finds: Finds) -> None:
    finds(code=1)

    ran = run("lint")

    assert (ran.code, "kingfisher: exit 1" in ran.out, "said" in ran.out) == (5, True, True)


@pytest.mark.usefixtures("finds")
@pytest.mark.parametrize(
    ("config", "code", "said"),
    [
        ("secret-scan: {when: never}\n", 0, "no lint suites"),
        ("secret-scan: {when: always}\n", 5, "kingfisher is not installed"),
        ("", 0, "no lint suites"),
        ("lint: {secrets: {run: 'true'}}\n", 0, "secrets  passed"),
    ],
)
def test_without_kingfisher_lint_goes_on_unless_told_otherwise(
    run: Run, monkeypatch: pytest.MonkeyPatch, config: str, code: int, said: str
) -> None:
    monkeypatch.setattr(committed, "program", lambda: "")
    Path("tagship.yml").write_text(CONFIG + config)

    ran = run("lint")

    assert (ran.code, said in ran.out) == (code, True), ran.out


@pytest.mark.usefixtures("finds")
def test_who_asks_for_the_search_alone_is_told_how_to_install_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committed, "program", lambda: "")

    ran = run("lint", "--component", "secrets")

    assert (ran.code, "pip install 'tagship[scan]'" in ran.out) == (5, True)


@pytest.mark.usefixtures("finds")
def test_a_linter_of_the_apps_own_takes_its_place(run: Run) -> None:
    Path("tagship.yml").write_text(CONFIG + "lint: {secrets: {run: 'false'}}\n")

    assert "false: exit 1" in run("lint").out
