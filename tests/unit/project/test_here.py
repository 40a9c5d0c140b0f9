"""Which tagship.yml is meant, and which folder."""

from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.project import here


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(here.CONFIG, raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_configuration_is_the_current_folders(tmp_path: Path) -> None:
    (tmp_path / "tagship.yml").write_text("app: shop\nenvironments: {here: {engine: local, url: 'http://localhost'}}")

    assert here.config().app == "shop"
    assert here.folder() == tmp_path


def test_another_configuration_brings_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(here.CONFIG, "sub/other.yml")

    assert here.config_path() == Path("sub/other.yml")
    assert here.folder() == tmp_path / "sub"


def test_the_configuration_is_looked_for_upwards_as_git_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tagship.yml").write_text("app: shop\nenvironments: {here: {engine: local, url: 'http://localhost'}}")
    (tmp_path / "backend" / "app").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "backend" / "app")

    assert here.config().app == "shop"
    assert here.folder() == tmp_path
    assert str(here.config_path()) == "../../tagship.yml"


def test_without_one_anywhere_it_is_missing_here(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no tagship\.yml here or in a folder above\."):
        here.config()

    assert here.folder() == tmp_path
