"""`init` on the command line: it overwrites nothing, and says what it would write."""

from pathlib import Path

import pytest

from tagship.setup import init as setup
from tagship.setup.init import Answers, Proposal
from tests.unit.commands.conftest import Run


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for which `init` proposes two files."""
    monkeypatch.chdir(tmp_path)

    def propose(_: Path, answers: Answers) -> Proposal:
        files = {"tagship.yml": f"app: {answers.app}\n", "tasks.py": "new\n"}
        return Proposal("Read compose.yaml.", files, [], ["web has a guess."], ["Do this."])

    monkeypatch.setattr(setup, "propose", propose)


def test_writes_the_files_and_says_what_is_left(run: Run, tmp_path: Path) -> None:
    ran = run("init", "--yes")

    assert (tmp_path / "tasks.py").read_text() == "new\n"
    assert "Wrote tagship.yml, tasks.py." in ran.out
    assert "1. Do this." in ran.out


def test_refuses_where_tagship_yml_exists(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tagship.yml").write_text("app: mine\n")

    ran = run("init", "--yes")

    assert (ran.code, "overwrites nothing" in ran.err, "--diff" in ran.err) == (2, True, True)
    assert (tmp_path / "tagship.yml").read_text() == "app: mine\n"


def test_leaves_a_tasks_py_as_it_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("old\n")

    ran = run("init", "--yes")

    assert (tmp_path / "tasks.py").read_text() == "old\n"
    assert "Left as they are: tasks.py" in ran.out


@pytest.mark.parametrize("option", ["--diff", "--dry-run"])
def test_writes_nothing_where_it_only_shows(option: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("old\n")

    ran = run("init", "--yes", option)

    assert ran.code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.py"]
    assert ("-old\n+new\n" in ran.out) == (option == "--diff")
