"""`tasks.py` and `tasks/` are never taken for each other, and the wheel holds the package alone."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "tasks" / "tagship"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this work tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (built,) = folder.glob("*.whl")
    return built


def listed(folder: Path, **environment: str) -> str:
    """What `inv --list` prints in a folder."""
    argv = [sys.executable, "-m", "invoke", "--list"]
    env = {**os.environ, **environment}
    return subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True, text=True).stdout


def test_the_folder_tasks_is_no_package_and_holds_exactly_one() -> None:
    assert not (ROOT / "tasks" / "__init__.py").exists()
    assert [path.parent for path in (ROOT / "tasks").glob("*/__init__.py")] == [PACKAGE]


def test_no_module_in_the_package_is_called_tasks() -> None:
    assert [*PACKAGE.rglob("tasks.py"), *PACKAGE.rglob("tasks")] == []


@pytest.mark.parametrize("folder", [ROOT, ROOT / "tasks", PACKAGE / "commands"], ids=lambda path: path.name)
def test_invoke_finds_our_tasks_from_anywhere_in_the_repository(folder: Path) -> None:
    assert "deploy" in listed(folder)


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tagship"}


def test_the_tasks_of_an_app_are_those_of_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    site, app = tmp_path / "site", tmp_path / "app"
    zipfile.ZipFile(wheel).extractall(site)
    app.mkdir()
    (app / "tasks.py").write_text("from tagship import __file__ as origin, namespace\nprint(origin)\n")

    said = listed(app, PYTHONPATH=str(site))

    assert str(site) in said
    assert "deploy" in said
