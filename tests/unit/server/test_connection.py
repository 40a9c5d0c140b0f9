"""Picks the real adapters, and says who we are."""

from pathlib import Path

import pytest

from tagship.errors import ConfigError
from tagship.names import Holder
from tagship.project import here
from tagship.server import lease


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GITHUB_ACTIONS", here.CONFIG):
        monkeypatch.delenv(name, raising=False)
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


def test_a_person_is_a_user_on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")

    holder = lease.holder("deploy staging")

    assert holder.who.startswith("ada@")
    assert (holder.doing, holder.run) == ("deploy staging", "")


def test_a_run_in_ci_is_whoever_started_it_and_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "ada",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "shop/app",
        "GITHUB_RUN_ID": "42",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)

    assert lease.holder("deploy") == Holder("ada", "deploy", "https://github.com/shop/app/actions/runs/42")
