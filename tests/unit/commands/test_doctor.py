"""`doctor` on the command line: its marks, its exit code, its JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import ConfigError, ToolError
from tagship.setup import machine, project_checks
from tagship.setup.report import Check, bad, good, unknown
from tests.unit.commands.conftest import Run


@pytest.fixture(autouse=True)
def checks(app: Path, monkeypatch: pytest.MonkeyPatch) -> list[Check]:  # noqa: ARG001 - its tagship.yml
    """What the machine's checks find."""
    found: list[Check] = [good("git", "2.39")]

    def of_machine(*_: Any, **__: Any) -> Iterator[Check]:  # noqa: ANN401 - whatever it is given
        yield from found

    monkeypatch.setattr(machine, "checks", of_machine)
    monkeypatch.setattr(project_checks, "checks", lambda *_, **__: iter([good("url", "fine")]))
    return found


def test_everything_good_is_success(run: Run) -> None:
    ran = run("doctor")

    assert ran.code == 0
    assert "✓ git" in ran.out
    assert "2 checks passed." in ran.out


def test_what_cannot_be_known_is_counted_and_fails_nothing(run: Run, checks: list[Check]) -> None:
    checks.append(unknown("clock", "Nobody knows."))

    ran = run("doctor")

    assert (ran.code, "? clock" in ran.out, "1 couldn't be made" in ran.out) == (0, True, True)


def test_the_first_failure_decides_the_exit_code_and_all_are_shown(run: Run, checks: list[Check]) -> None:
    checks += [bad("compose", "too old", "install a newer one", ToolError), bad("x", "wrong", "see x", ConfigError)]

    ran = run("doctor")

    assert ran.code == ToolError.exit_code
    assert "→ install a newer one" in ran.out
    assert "2 of 4 checks failed" in ran.err


def test_a_faulty_tagship_yml_is_a_failed_check_for_each_of_its_lines(run: Run, app: Path) -> None:
    (app / "tagship.yml").write_text("app: shop\nkeep: 0\nenvironments:\n  x: {engine: local, url: nonsense}\n")

    ran = run("doctor")

    assert ran.code == ConfigError.exit_code
    assert ran.out.count("✗ tagship.yml") == 2
    assert "✗ tagship.yml  line 2: keep: 0 isn't valid" in ran.out
    assert ran.out.count("→ see Tagship's docs/reference.md") == 1


def test_json_has_every_check_and_nothing_else_on_stdout(run: Run, checks: list[Check]) -> None:
    checks.append(bad("disk", "full", "free some space", ToolError))

    ran = run("doctor", "--json")

    assert ran.code == ToolError.exit_code
    assert {"check": "disk", "mark": "bad", "text": "full", "todo": "free some space"} in json.loads(ran.out)
