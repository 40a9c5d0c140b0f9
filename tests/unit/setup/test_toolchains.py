"""Tests, linters and migrations, recognised by files."""

import shutil
from pathlib import Path

import pytest

from tagship.setup import toolchains


@pytest.fixture(autouse=True)
def _everything_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


def found(folder: Path, in_image: str = "", **files: str) -> dict[str, tuple[str, ...]]:
    """Kind → commands, for a component with these files."""
    for name, text in files.items():
        (folder / name.replace("_dot_", ".")).write_text(text)
    return {suite.kind: suite.run for suite in toolchains.suites("web", folder, folder, in_image)}


def test_pytest_and_ruff_run_here_if_only_the_requirements_name_them(tmp_path: Path) -> None:
    assert found(tmp_path, pyproject_dot_toml='dev = ["pytest", "ruff"]') == {
        "test": ("pytest",),
        "lint": ("ruff check .",),
    }


def test_they_run_in_the_image_that_has_them(tmp_path: Path) -> None:
    (run,) = found(tmp_path, in_image="pytest==8", requirements_dot_txt="pytest==8")["test"]

    assert run == "docker compose run --build --rm --no-deps --no-TTY web pytest"


def test_scripts_of_package_json_run_after_an_installation(tmp_path: Path) -> None:
    package = '{"scripts": {"test": "vitest run", "lint": "eslint ."}}'

    assert found(tmp_path, package_dot_json=package, **{"package-lock_dot_json": "{}"}) == {
        "test": ("npm ci", "npm test"),
        "lint": ("npm ci", "npm run lint"),
    }


def test_npms_own_placeholder_is_no_test(tmp_path: Path) -> None:
    assert (
        found(tmp_path, package_dot_json='{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}') == {}
    )


@pytest.mark.parametrize(
    ("name", "text", "test"),
    [
        ("Makefile", "test: build\n\tx\n", "make test"),
        ("go.mod", "module x", "go test ./..."),
        ("Gemfile", 'gem "rspec-rails"', "bundle exec rspec"),
        ("composer.json", '{"require-dev": {"phpunit/phpunit": "*"}}', "vendor/bin/phpunit"),
    ],
)
def test_other_toolchains_are_known_by_their_files(name: str, text: str, test: str, tmp_path: Path) -> None:
    assert found(tmp_path, **{name: text})["test"] == (test,)


def test_a_program_that_this_machine_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (tmp_path / "go.mod").write_text("module x")

    assert {suite.lacking for suite in toolchains.suites("web", tmp_path, tmp_path, "")} == {"go"}


@pytest.mark.parametrize(
    ("file", "name"), [("manage.py", "Django"), ("alembic.ini", "Alembic"), ("artisan", "Laravel")]
)
def test_migrations_are_known_by_their_frameworks_file(file: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).touch()
    how = toolchains.migrations(tmp_path)

    assert how
    assert how.name == name


def test_no_health_check_is_taken_from_tests_and_packages(tmp_path: Path) -> None:
    for name in ("tests/app.py", "node_modules/x/index.js"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text('get("/health")')

    assert toolchains.health(tmp_path) == ("", "")


def test_a_link_that_leads_nowhere_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "local_settings.py").symlink_to(tmp_path / "gone.py")

    assert toolchains.health(tmp_path) == ("", "")


@pytest.mark.parametrize("name", ["package.json", "composer.json"])
@pytest.mark.parametrize(
    "text", ["[]", "null", '"x"', '{"scripts": ["test"], "require-dev": 1}', "[" * 100_000], ids=len
)
def test_a_package_of_another_form_has_no_scripts(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)

    assert found(tmp_path) == {}
