"""Installs the environment for the tasks, from requirements whose hashes are part of this action's own commit."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from action.errors import ActionError

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
SCANNER = REQUIREMENTS.with_stem("requirements-scan")
_UNWANTED = re.compile(r"""secret-scan["']?\s*:\s*\{?\s*["']?when["']?\s*:\s*["']?never""")
"""What turns the search for committed secrets off."""
_AWS = re.compile(r"\baws-s?sm://|\.dkr\.ecr[.-]")
"""What is asked for at AWS: secrets, or a token for its registry."""
EXTRAS = {"backups": "", "sentry": "TAGSHIP_SENTRY_DSN"}
"""The package's extras: each is needed by the key of tagship.yml with its name, and perhaps by a variable."""


def requirements(config: Path, environment: Mapping[str, str], run: Sequence[str] = ()) -> tuple[Path, ...]:
    """The requirements of a project, for the tasks to run. It gets an extra, 15 to 50 MB, only if it uses it."""
    text = config.read_text(errors="replace") if config.is_file() else ""
    used = [extra for extra, variable in EXTRAS.items() if _has(text, extra) or environment.get(variable)]
    if "backups" not in used and _AWS.search(text):  # the backups' extra includes that of AWS
        used.insert(0, "aws")
    scans = {"lint", "ship"} & {*run} and not _UNWANTED.search(text)
    return REQUIREMENTS.with_stem("-".join(["requirements", *used])), *((SCANNER,) if scans else ())


def _has(text: str, key: str) -> bool:
    """Whether a key is in YAML, in any style."""
    return bool(re.search(rf"(?:^|[{{,])[ \t]*[\"']?{key}[\"']?[ \t]*:", text, re.MULTILINE))


def install(folder: Path, environment: Mapping[str, str], *wanted: Path) -> Path:
    """Install an environment in its own folder; returns its Python. Raises ActionError with the installer's output.

    Leaves the user's Python and PATH alone and resolves nothing: all dependencies are locked, wheels only.
    """
    uv = shutil.which("uv", path=environment.get("PATH"))
    python = folder / "bin" / "python"
    if uv:
        _run(
            [uv, "venv", "--quiet", "--no-project", "--no-config", "--python", sys.executable, str(folder)], environment
        )
        sync = [uv, "pip", "sync", "--quiet", "--no-config", "--python", str(python), "--require-hashes"]
        _run([*sync, "--only-binary", ":all:", *map(str, wanted)], environment)
        return python
    venv.create(folder, symlinks=True, with_pip=False)
    pip = [str(python), "-I", _pip(), "install", "--quiet", "--no-input", "--no-deps", "--no-compile"]
    # pip also looks into the folder it is run from, where it would count the user's packages as installed
    options = ["--ignore-installed", "--require-hashes", "--only-binary", ":all:", "--disable-pip-version-check"]
    _run([*pip, *options, *(word for path in wanted for word in ("--requirement", str(path)))], environment)
    return python


def _pip() -> str:
    """This Python's pip, as a path for another Python: `pip --python` would start twice and take a second longer."""
    found = importlib.util.find_spec("pip")
    if found and found.origin:
        return str(Path(found.origin).parent)
    bundled = importlib.util.find_spec("ensurepip")
    wheels = Path(bundled.origin).parent.glob("_bundled/pip-*.whl") if bundled and bundled.origin else ()
    for wheel in wheels:
        return str(wheel / "pip")
    raise ActionError("This runner's Python has neither pip nor ensurepip.", "Set Python up, or put uv on PATH.")


def _run(argv: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        argv, env={**environment, "PYTHONNOUSERSITE": "1"}, stdin=subprocess.DEVNULL, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise ActionError(
            f"Tagship's own dependencies can't be installed:\n{said}", "Check that this runner can reach PyPI."
        )


def folder(environment: Mapping[str, str]) -> Path:
    """The folder for this step's environment; the runner empties it at the end of the job."""
    path = Path(environment.get("RUNNER_TEMP") or "/tmp") / f"tagship-{os.getpid()}"  # noqa: S108 - only used outside a runner
    path.mkdir(parents=True, exist_ok=True)
    return path
