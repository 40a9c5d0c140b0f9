"""`nox -s release`: wheel and sources built twice, byte for byte equal, the wheel used alone, its parts listed."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = (ROOT / "tasks/tagship/version.py").read_text().split('"')[-2]  # the package itself is not installed here
PROGRAMS = Path(sys.executable).parent
PYTHONS = range(11, 16)
"""The minor versions of Python 3 that are looked for on this machine."""


def main() -> None:
    """Leave the files in dist/. Ends with a message at the first thing that isn't as it should be."""
    if sys.argv[1:] not in ([], [f"v{VERSION}"]):
        sys.exit(f"The tag is {sys.argv[1]}, and the version is {VERSION}: run `nox -s cut` before you tag.")
    if sys.argv[1:] and f"\n## {VERSION} " not in (ROOT / "CHANGELOG.md").read_text():
        sys.exit(f"CHANGELOG.md says nothing of {VERSION}: run `nox -s cut` before you tag.")
    with tempfile.TemporaryDirectory(prefix="tagship-release-") as name:
        folder = Path(name)
        files = _built_twice(folder)
        _run(folder, "twine", "--no-color", "check", "--strict", *files)
        wheel = next(path for path in files if path.suffix == ".whl")
        for title, program in _installed(folder, wheel):
            _use(folder, title, program)
        parts = folder / f"tagship-{VERSION}.cdx.json"
        _run(folder, "cyclonedx-py", "environment", "--output-reproducible", "-o", parts, folder / "pip")
        dist = ROOT / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir()
        for path in (*files, parts):
            shutil.copy(path, dist)
            print(f"dist/{path.name}: {path.stat().st_size:,} bytes")


def _built_twice(folder: Path) -> list[Path]:
    """From what git has, as far as files are tracked: a second build elsewhere gives the same bytes."""
    for which in ("first", "second"):
        tree = folder / f"tree-{which}"
        for path in filter(None, _run(ROOT, "/usr/bin/env", "git", "ls-files", "-z").split("\0")):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, tree / path)
        _run(tree, "python", "-m", "hatchling", "build", "--directory", folder / which)
    names = sorted(path.name for path in (folder / "first").iterdir())
    _, differ, lacking = filecmp.cmpfiles(folder / "first", folder / "second", names, shallow=False)
    if differ or lacking or len(names) != 2:
        sys.exit(f"Two builds differ: {differ or lacking or names}")
    print(f"Built twice, the same bytes: {', '.join(names)}")
    return [folder / "first" / name for name in names]


def _installed(folder: Path, wheel: Path) -> Iterator[tuple[str, Path]]:
    """The console command as pip, pipx and uv install it from the wheel alone, with every Python that is here."""
    environment = folder / "pip"
    _run(folder, "python", "-m", "venv", environment)
    _run(folder, environment / "bin/python", "-m", "pip", "install", "--quiet", wheel)
    yield "pip", environment / "bin/tagship"
    own = {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "pipx/bin")}
    _run(folder, "pipx", "install", "--quiet", wheel, **own)
    yield "pipx", folder / "pipx/bin/tagship"
    for minor in PYTHONS:
        python = f"3.{minor}"
        if not _here(folder, python):
            print(f"uv, Python {python}: not tried, this machine has none")
            continue
        place = folder / f"uv-{python}"
        own = {"UV_TOOL_DIR": str(place), "UV_TOOL_BIN_DIR": str(place / "bin"), "UV_PYTHON_DOWNLOADS": "never"}
        _run(folder, "uv", "tool", "install", "--quiet", "--python", python, wheel, **own)
        yield f"uv, Python {python}", place / "bin/tagship"


def _here(folder: Path, python: str) -> bool:
    argv = [str(PROGRAMS / "uv"), "python", "find", "--quiet", "--no-project", "--no-python-downloads", python]
    return subprocess.run(argv, cwd=folder, env={"PATH": _path()}, capture_output=True, check=False).returncode == 0


def _use(folder: Path, title: str, program: Path) -> None:
    """Far from the sources, which could serve in place of the wheel."""
    version = _run(folder, program, "--version").strip()
    tasks = re.findall(r"^  ([a-z.-]+)  ", _run(folder, program, "--list"), re.MULTILINE)
    if not version.endswith(VERSION) or "deploy" not in tasks:
        sys.exit(f"{title}: `tagship --version` says {version!r}, and the tasks are {tasks}")
    print(f"{title}: {version}, {len(tasks)} tasks")


def _path() -> str:
    """With pyenv's versions, whose names on PATH work only for the chosen one."""
    pyenv = (str(folder) for folder in Path.home().glob(".pyenv/versions/3.*/bin"))
    return os.pathsep.join((os.environ["PATH"], *pyenv))


def _run(cwd: Path, program: str | Path, *words: str | Path, **variables: str) -> str:
    """Run one of this environment's programs, or one by its path; ends everything if it fails."""
    argv = [str(PROGRAMS / program), *map(str, words)]  # an absolute path stays what it is
    own = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | {"PATH": _path()}
    done = subprocess.run(argv, cwd=cwd, env=own | variables, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(argv)}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
