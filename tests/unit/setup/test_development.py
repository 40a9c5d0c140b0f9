"""The commands of `dev.*`, and how long `dev.up` waits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tagship.errors import ConfigError, RolloutError
from tagship.project.schema import Config
from tagship.setup import development
from tagship.setup.development import Development


@dataclass(frozen=True)
class Recorded(Development):
    """One whose Compose answers from here: `config`, `logs`, and each call of `ps` in turn."""

    services_: Mapping[str, Any] = field(default_factory=dict)
    looks: list[list[dict[str, Any]]] = field(default_factory=list)

    def read(self, *argv: str) -> str:
        """What Compose would print."""
        if argv[0] == "ps":
            now = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            return "\n".join(map(json.dumps, now))
        return json.dumps({"services": self.services_}) if argv[0] == "config" else "no such table\n"


def of(folder: Path, services: Mapping[str, Any], looks: Sequence[Any] = ([],), **dev: object) -> Recorded:
    """An application with these services."""
    environment = {"name": "local", "engine": "local", "url": "http://localhost:8080"}
    config = Config.model_validate({"app": "shop", "environments": {"local": environment}, "dev": dev})
    return Recorded(config, folder, {}, services, list(looks))


def container(service: str, state: str = "running", **more: object) -> dict[str, object]:
    """A container as Compose lists it."""
    return {"Service": service, "State": state, "Health": "", "ExitCode": 0, "Publishers": None, **more}


@pytest.fixture
def django(tmp_path: Path) -> dict[str, Any]:
    """A database, and a service that is built from a Django project."""
    (tmp_path / "manage.py").touch()
    return {"db": {"image": "postgres"}, "web": {"build": {"context": str(tmp_path)}}}


@pytest.mark.parametrize(
    ("file", "name", "command"),
    [
        ("manage.py", "superuser", "python manage.py createsuperuser"),
        ("manage.py", "makemigrations", "python manage.py makemigrations"),
        ("artisan", "shell", "php artisan tinker"),
        ("alembic.ini", "migrate", "alembic upgrade head"),
        ("go.mod", "test", "go test ./..."),
    ],
)
def test_a_frameworks_commands_are_known(tmp_path: Path, file: str, name: str, command: str) -> None:
    (tmp_path / file).touch()

    assert development.everyday(tmp_path)[name] == command


def test_the_tests_are_those_that_the_requirements_name(tmp_path: Path) -> None:
    (tmp_path / "manage.py").touch()
    (tmp_path / "requirements.txt").write_text("django\npytest\n")

    assert development.everyday(tmp_path)["test"] == "pytest"


def test_commands_run_in_the_service_that_is_built_from_a_known_framework(
    tmp_path: Path, django: dict[str, Any]
) -> None:
    found = of(tmp_path, django)

    assert found.service() == "web"
    assert found.command("migrate", "web") == ["python", "manage.py", "migrate"]


def test_tagship_yml_overrides_what_is_recognised(tmp_path: Path, django: dict[str, Any]) -> None:
    found = of(tmp_path, django, migrate="make 'my migrations'")

    assert found.command("migrate", "web") == ["make", "my migrations"]


def test_a_command_that_nobody_knows_says_what_to_write(tmp_path: Path) -> None:
    found = of(tmp_path, {"web": {"build": {"context": str(tmp_path)}}})

    with pytest.raises(ConfigError, match="It isn't known what superuser means in web") as failed:
        found.command("superuser", found.service())
    assert "dev: {service: web, superuser: " in str(failed.value)


def test_several_unknown_services_are_named(tmp_path: Path) -> None:
    build = {"build": {"context": str(tmp_path)}}

    with pytest.raises(ConfigError, match="which service") as failed:
        of(tmp_path, {"api": build, "site": build}).service()
    assert str(failed.value).endswith("to one of: api, site")


def test_a_command_runs_in_the_running_container_or_else_in_a_new_one(tmp_path: Path, django: dict[str, Any]) -> None:
    running = of(tmp_path, django, [[container("web")]])

    assert running.inside("web", ["sh"], terminal=True) == ["exec", "web", "sh"]
    assert of(tmp_path, django).inside("web", ["sh"], terminal=False) == ["run", "--rm", "-T", "web", "sh"]


def test_a_one_shot_that_succeeded_is_waited_for_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(development, "PAUSE", 0)
    ports = [{"URL": url, "PublishedPort": 8000} for url in ("127.0.0.1", "::")]
    before = [container("web", Health="starting"), container("setup")]
    after = [container("web", Health="healthy", Publishers=ports), container("setup", "exited")]
    told: list[str] = []

    found = of(tmp_path, {}, [before, before, after]).wait(60, told.append)

    assert [(each.service, each.state, each.addresses) for each in found] == [
        ("setup", "ended", ()),
        ("web", "healthy", ("localhost:8000",)),
    ]
    assert told == ["waiting for web"]


def test_a_service_without_a_healthcheck_that_crashes_after_a_moment_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(development, "PAUSE", 0)

    with pytest.raises(RolloutError, match="web is failed"):
        of(tmp_path, {}, [[container("web")], [container("web", "exited", ExitCode=1)]]).wait(60, print)


def test_a_container_that_failed_ends_the_wait_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(RolloutError, match=r"web is failed\.\n  no such table"):
        of(tmp_path, {}, [[container("web", "exited", ExitCode=1)]]).wait(60, print)


def test_the_files_are_composes_own_unless_tagship_yml_names_others(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").touch()
    (tmp_path / "dev.yml").touch()

    assert of(tmp_path, {}).shown(["down"]) == "docker compose down"
    assert of(tmp_path, {}, compose=["dev.yml"]).shown(["down"]) == "docker compose --file dev.yml down"
    with pytest.raises(ConfigError, match=r"There is no other\.yml"):
        of(tmp_path, {}, compose=["other.yml"]).shown(["down"])
