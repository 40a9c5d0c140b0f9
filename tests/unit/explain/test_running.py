"""What the shell makes of a script, with a docker and a curl that only write down what they are told."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tagship.deploy.steps import Create, Cutover, SmokeTest
from tagship.explain.script import script
from tests.fakes.builders import observed, rendered
from tests.unit.explain.test_script import OLD, scene

_DOCKER = f"""#!{sys.executable} -ISs
import json, os, sys
from pathlib import Path

here, argv = Path(__file__).parent, sys.argv[1:]
calls = here / "calls"
before = calls.read_text() if calls.exists() else ""
calls.write_text(before + json.dumps(argv) + "\\n")
if argv[0] == "create" and "tagship-lock-shop-staging" in argv:
    print("LOCK-ID")
elif argv[0] == "create":
    given = {{}}
    for option, value in zip(argv, argv[1:]):
        if option == "--env":
            name, sign, rest = value.partition("=")
            given[name] = rest if sign else os.environ[name]
        if option == "--env-file":
            given |= dict(line.split("=", 1) for line in Path(value).read_text().splitlines())
            given["mode"] = oct(os.stat(value).st_mode & 0o777)
    (here / "container").write_text(json.dumps(given))
elif "date" in argv:
    print(100)
elif "cat" in argv:
    print("{OLD.name}")
elif argv[0] == "cp" and "FREED" in os.environ and '"cp"' in before:
    sys.exit("No such container")
"""


class Run:
    """A script of some steps, run by sh."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name, text in (("docker", _DOCKER), ("curl", '#!/bin/sh\nprintf %b "$ANSWER"\n'), ("sleep", "#!/bin/sh\n")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def __call__(self, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Give it to sh, with these variables."""
        environment = {"PATH": f"{self._folder}:{os.environ['PATH']}", "TMPDIR": str(self._folder), **variables}
        return subprocess.run(
            ["/bin/sh"], input=text, env=environment, capture_output=True, text=True, check=False, timeout=30
        )

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call of docker."""
        return [json.loads(line) for line in (self._folder / "calls").read_text().splitlines()]

    @property
    def container(self) -> dict[str, str]:
        """The variables of the container that it made."""
        found: dict[str, str] = json.loads((self._folder / "container").read_text())
        return found

    @property
    def folders(self) -> list[Path]:
        """What it left of its own files."""
        return [each for each in self._folder.iterdir() if each.is_dir()]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def _creating(environment: dict[str, str], *secrets: str) -> str:
    new = rendered("b", {"web": {"image": "IMAGE", "environment": environment}})
    new = replace(new, secrets=frozenset(secrets))
    return script(scene(new, observed(OLD), (Create(new),)))


def test_each_variable_gets_its_own_secret(run: Run) -> None:
    chain = {"PG": "⟦ADMIN⟧", "DB": "⟦PG⟧", "KEY": "db://⟦key⟧@x", "secret_PG": "⟦ADMIN⟧", "URL": "⟦url⟧"}
    text = _creating(chain, "ADMIN", "PG", "key", "url")

    done = run(text, ADMIN="of admin", PG="of\npg", key="it's $k", url="of url")

    assert done.returncode == 0, done.stderr
    expected = {"PG": "of admin", "DB": "of\npg", "KEY": "db://it's $k@x", "secret_PG": "of admin", "URL": "of url"}
    assert {name: run.container[name] for name in chain} == expected


def test_a_variable_with_any_name_gets_its_secret_and_no_call_shows_it(run: Run) -> None:
    named = dict.fromkeys(("app.key", "db-pass", "DOCKER_HOST", "PATH", "LD_PRELOAD", "PLAIN"), "⟦KEY⟧")

    done = run(_creating(named, "KEY"), KEY="top=secret $x")

    assert done.returncode == 0, done.stderr
    assert run.container == {**dict.fromkeys(named, "top=secret $x"), "mode": "0o600"}
    assert "top=secret" not in json.dumps(run.calls) + done.stdout + done.stderr
    assert run.folders == []


def test_a_secret_of_several_lines_is_refused_where_docker_would_cut_it(run: Run) -> None:
    done = run(_creating({"app.key": "⟦KEY⟧"}, "KEY"), KEY="a\nb")

    assert (done.returncode, "app.key has more than one line" in done.stderr) == (1, True)
    assert run.folders == []


@pytest.mark.parametrize("body", ["", "hello"])
def test_a_smoke_test_that_expects_no_text_passes_whatever_the_body(run: Run, body: str) -> None:
    step = SmokeTest(OLD.name, candidate=False)
    text = script(scene(rendered("b"), observed(OLD), (step,), smoke_within=1))
    answer = f"HTTP/1.1 200 OK\\r\\nX-Tagship-Release: {OLD.name}-web-1\\r\\n\\r\\n{body}"

    done = run(text, ANSWER=answer)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("freed", [{}, {"FREED": "yes"}])
def test_it_changes_and_removes_nothing_once_its_lock_is_gone(run: Run, freed: dict[str, str]) -> None:
    new = rendered("b")

    done = run(script(scene(new, observed(OLD), (Cutover(new.name),))), **freed)

    assert done.returncode == (1 if freed else 0), done.stderr
    assert ("The lock is gone" in done.stderr) == bool(freed)
    assert any("/tagship/shop-staging/live" in call and "put" in call for call in run.calls) != bool(freed)
    assert [call for call in run.calls if call[0] == "rm"] == [["rm", "--force", "LOCK-ID"]]
