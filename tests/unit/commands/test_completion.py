"""What a shell offers while somebody types."""

import subprocess
import sys
from pathlib import Path

import pytest

from tagship import namespace
from tagship.commands.completion import SCRIPTS, candidates
from tests.unit.commands.conftest import Run


def offered(*words: str) -> list[str]:
    """The words without their descriptions."""
    return [line.partition("\t")[0] for line in candidates(words, namespace)]


def test_tasks_that_begin_so_each_with_what_it_does() -> None:
    assert offered("maint") == ["maintenance.off", "maintenance.on"]
    assert "deploy\tDeploy a commit to an environment" in candidates([""], namespace)


def test_the_options_of_the_task_before() -> None:
    assert offered("deploy", "--dry") == ["--dry-run"]
    assert "--json" in offered("status", "--")
    assert offered("status", "--dry") == []


@pytest.mark.usefixtures("app")
def test_environments_of_tagship_yml_and_none_without_it(tmp_path: Path) -> None:
    assert offered("deploy", "--env", "") == ["staging", "production"]
    assert offered("deploy", "--env", "p") == ["production"]

    (tmp_path / "tagship.yml").write_text("environments: [")
    assert offered("deploy", "--env", "") == []


def test_the_newest_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered("rollback", "--to", "") == []

    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-mx"],
    ):
        subprocess.run(["/usr/bin/env", "git", *words], check=True)
    (sha,) = offered("deploy", "--sha", "")
    assert len(sha) == 8


def test_an_unknown_shell_is_refused_with_those_that_are_known(run: Run) -> None:
    done = run("completion", "--shell", "tcsh")

    assert (done.code, "bash, zsh, fish" in done.err) == (64, True)


@pytest.mark.usefixtures("app")
def test_bash_completes_with_it(tmp_path: Path) -> None:
    asks = "COMP_WORDS=(tagship deploy --env st); COMP_CWORD=3; _tagship; echo ${COMPREPLY[@]}"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"

    argv = ["/usr/bin/env", "bash", "-c", f"{SCRIPTS['bash']}\n{asks}"]
    done = subprocess.run(argv, env={"PATH": path}, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout == "staging\n"
