"""Makes the environment the tasks run in, from requirements whose every hash is part of this action's own commit."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

from action.errors import ActionError

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
WITH_SENTRY = REQUIREMENTS.with_stem("requirements-sentry")
_SENTRY = re.compile(r"(?:^|[{,])[ \t]*[\"']?sentry[\"']?[ \t]*:", re.MULTILINE)


def requirements(config: Path, environment: Mapping[str, str]) -> Path:
    """What a project needs: sentry-cli and Sentry's SDK, 30 MB, only where it speaks of Sentry."""
    text = config.read_text(errors="replace") if config.is_file() else ""
    return WITH_SENTRY if _SENTRY.search(text) or environment.get("TAGSHIP_SENTRY_DSN") else REQUIREMENTS


def install(folder: Path, environment: Mapping[str, str], wanted: Path = REQUIREMENTS) -> Path:
    """An environment in a folder of its own; returns its Python. Raises ActionError with what the installer said.

    The user's Python and PATH are left alone, and nothing is resolved: the closure is locked, wheels only.
    """
    uv = shutil.which("uv", path=environment.get("PATH"))
    python = folder / "bin" / "python"
    if uv:
        _run(
            [uv, "venv", "--quiet", "--no-project", "--no-config", "--python", sys.executable, str(folder)], environment
        )
        sync = [uv, "pip", "sync", "--quiet", "--no-config", "--python", str(python), "--require-hashes"]
        _run([*sync, "--only-binary", ":all:", str(wanted)], environment)
        return python
    venv.create(folder, symlinks=True, with_pip=False)
    pip = [str(python), "-I", _pip(), "install", "--quiet", "--no-input", "--no-deps", "--no-compile"]
    # pip looks into the folder it is run from, too: what the user's Python has there would count as installed here
    options = ["--ignore-installed", "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check"]
    _run([*pip, *options, "--requirement", str(wanted)], environment)
    return python


def _pip() -> str:
    """This Python's pip, as a path that another Python runs: `pip --python` would start twice, a second more."""
    found = importlib.util.find_spec("pip")
    if found and found.origin:
        return str(Path(found.origin).parent)
    bundled = importlib.util.find_spec("ensurepip")
    wheels = Path(bundled.origin).parent.glob("_bundled/pip-*.whl") if bundled and bundled.origin else ()
    for wheel in wheels:
        return str(wheel / "pip")
    raise ActionError("This runner's Python has neither pip nor ensurepip.", "Set one up, or put uv on PATH.")


def _run(argv: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        argv, env={**environment, "PYTHONNOUSERSITE": "1"}, stdin=subprocess.DEVNULL, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise ActionError(f"Tagship's own dependencies could not be installed:\n{said}", "Can this runner reach PyPI?")


def folder(environment: Mapping[str, str]) -> Path:
    """Where this step's environment goes: the runner empties it when the job ends."""
    path = Path(environment.get("RUNNER_TEMP") or "/tmp") / f"tagship-{os.getpid()}"  # noqa: S108 - outside a runner only
    path.mkdir(parents=True, exist_ok=True)
    return path
