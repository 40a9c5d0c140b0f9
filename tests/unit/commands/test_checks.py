"""`test` and `lint`."""

import json
from pathlib import Path

import pytest

from tests.unit.commands.conftest import CONFIG, Run

SUITES = """\
test:
  backend: {run: "sh -c 'echo ran > backend.ran'"}
  frontend: {run: "sh -c 'echo why; exit 3'"}
"""


@pytest.fixture(autouse=True)
def _suites(app: Path) -> None:
    (app / "tagship.yml").write_text(CONFIG + SUITES)


def test_runs_every_component_and_fails_when_one_does(run: Run, app: Path) -> None:
    ran = run("test")

    assert ran.code == 5
    assert (app / "backend.ran").exists()
    assert [line.split()[:2] for line in ran.out.splitlines()[-2:]] == [["backend", "passed"], ["frontend", "sh"]]
    assert "why" in ran.out
    assert "test failed: frontend." in ran.err


def test_runs_one_component_alone(run: Run) -> None:
    assert run("test", "--component", "backend").code == 0


def test_a_component_that_has_none_is_named(run: Run) -> None:
    ran = run("test", "--component", "--foo")

    assert ran.code == 2
    assert "no test for '--foo'" in ran.err
    assert "use one of: backend, frontend" in ran.err


def test_nothing_to_lint_is_no_failure(run: Run) -> None:
    assert run("lint") == (0, "tagship.yml has no lint suites.\n", "")


def test_results_are_json_alone_on_stdout(run: Run) -> None:
    ran = run("test", "--json")

    found = {each["component"]: each for each in json.loads(ran.out)}
    assert (found["backend"]["problem"], found["backend"]["coverage"]) == ("", None)
    assert found["frontend"]["output"] == "why\n"
    assert "why" in ran.err
    assert json.loads(run("lint", "--json").out) == []
