"""Sentry's own Python and packages; the newest Sentry that can be installed as a package takes Python 3.8 only."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.rig import shell
from tests.rig.errors import MissingError
from tests.rig.folder import Folder
from tests.rig.packages import making

VERSION = "23.7.1"
PACKAGES = (f"sentry=={VERSION}", "setuptools<70")  # some of its packages want setuptools, and don't say so
IS_38 = "import sys; sys.exit(sys.version_info[:2] != (3, 8))"


def installed(folder: Folder) -> Path:
    """Install it, once, and give its Python. Raises MissingError when this machine has no Python 3.8."""
    environment = folder.tools / f"sentry-{VERSION}"
    with making(environment) as part:
        if part:
            shell.run([_uv(), "venv", "--quiet", "--python", _python(), part])
            shell.run([_uv(), "pip", "install", "--quiet", "--python", part / "bin/python", *PACKAGES])
    return environment / "bin/python"


def _python() -> Path:
    for candidate in _candidates():
        if shell.succeeds([candidate, "-c", IS_38]):
            return candidate
    message = "A Sentry server needs Python 3.8, and this machine has none: `uv python install 3.8` gets one."
    raise MissingError(message)


def _candidates() -> Iterator[Path]:
    """Look where pyenv keeps them, too: its python3.8 on PATH works only where that version is the chosen one."""
    if named := shutil.which("python3.8"):
        yield Path(named)
    yield from (Path.home() / ".pyenv/versions").glob("3.8*/bin/python")
    find = [str(_uv()), "python", "find", "--managed-python", "--no-python-downloads", "3.8"]
    if shell.succeeds(find):
        yield Path(shell.run(find).strip())


def _uv() -> Path:
    own = Path(sys.executable).with_name("uv")
    found = own if own.exists() else shutil.which("uv")
    if not found:
        message = "A Sentry server is installed by uv, which is missing: `pip install uv`."
        raise MissingError(message)
    return Path(found)
