"""Tagship of one commit, installed as people install it and driven by its command line."""

import re
import subprocess
import sys
import time
import venv
from pathlib import Path

from tests.bench.run import Run
from tests.hello import Hello

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "bench"
UNKNOWN = re.compile(r"^tagship\.yml:\d+: ([a-z-]+): unknown key", re.MULTILINE)
IDLE = 1.1
"""Seconds after which the edge has closed its connection to what answered, which would hold up its stop."""


def install(source: Path, folder: Path) -> Path:
    """A checkout's wheel and its own locked requirements, in an environment of their own; where its programs are."""
    venv.create(folder, symlinks=True, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    with_backups = source / "action/requirements-backups.txt"  # older versions have none
    locked = with_backups if with_backups.exists() else source / "action/requirements.txt"
    _do([*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", str(locked)])
    _do([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist")], source)
    _do([*pip, "--no-deps", *map(str, (folder / "dist").glob("*.whl"))])
    return folder / "bin"


def checkout(commit: str, folder: Path) -> None:
    """A commit of this repository as a git worktree. Raises CalledProcessError where there is none."""
    _do(["git", "worktree", "add", "--quiet", "--detach", str(folder), commit], ROOT)


def forget(folder: Path) -> None:
    """Remove a worktree."""
    _do(["git", "worktree", "remove", "--force", str(folder)], ROOT)


def _do(argv: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


class Ours:
    """The trivial application, shipped by one version of Tagship."""

    def __init__(self, app: Hello, name: str, programs: Path, environment: str = ENVIRONMENT) -> None:
        self.name = name
        self.app = app
        self.programs = programs
        app.program = str(programs / "tagship")
        self._environment = environment
        self._live = ""

    def prepare(self) -> None:
        """A first release, and the edge with it; a version that doesn't know a key of tagship.yml does without."""
        while True:
            try:
                self.ship()
            except AssertionError as error:
                unknown = UNKNOWN.search(str(error))
                if not unknown or self.app.settings.pop(unknown[1], None) is None:
                    raise
            else:
                return

    def ship(self) -> Run:
        """A new commit: build, push, deploy."""
        sha = self.app.commit()
        run = self.run("ship")
        answer = self._answer()
        assert sha in answer, f"{sha} isn't live: {answer}"
        self._live = sha
        return run

    def back(self) -> Run:
        """The release before, which is stopped."""
        run = self.run("rollback")
        answer = self._answer()
        assert self._live not in answer, f"{self._live} is still live: {answer}"
        self._live = answer.split()[1]
        return run

    def again(self) -> Run:
        """A deploy of what is live."""
        return self.run("deploy")

    def look(self) -> Run:
        """Run `tagship status`."""
        return self.run("status")

    def run(self, command: str, *words: str) -> Run:
        """A command on the environment, which has to succeed."""
        return self.timed(command, "--env", self._environment, *words)

    def failing(self, command: str) -> tuple[float, str]:
        """Seconds, and what was said, of a command on the environment that has to fail."""
        began = time.monotonic()
        done = self.app.run(command, "--env", self._environment)
        took = time.monotonic() - began
        assert done.returncode, f"tagship {command} succeeded:\n{done.stdout}{done.stderr}"
        return took, done.stdout + done.stderr

    def timed(self, *words: str) -> Run:
        """Any command line, which has to succeed."""
        began = time.monotonic()
        done = self.app.run(*words)
        took = time.monotonic() - began
        said = f"tagship {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, said
        return Run(took)

    def _answer(self) -> str:
        answer = self.app.get(self._environment)
        time.sleep(IDLE)
        return answer
