"""The files that `init` proposes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tagship.errors import ConfigError
from tagship.project import file as config_file
from tagship.project.schema import Config
from tagship.release.model import Sources
from tagship.setup import init
from tagship.setup.init import Answers, Proposal
from tagship.source import compose_file, git


@pytest.fixture(autouse=True)
def _committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that tracks nothing yet, and ignores .env and what begins with .env.s."""
    monkeypatch.setattr(git, "tracked", lambda _: frozenset())
    monkeypatch.setattr(git, "ignored", lambda names, _: frozenset(n for n in names if n.startswith(".env.s")))


@pytest.fixture(autouse=True)
def _compose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Merges nothing: the last file that has services counts for a check of the whole."""

    def sources(files: tuple[str, ...], folder: Path, _: object, name: str) -> Sources:
        model: dict[str, Any] = yaml.safe_load((folder / files[0]).read_text())
        for service in model["services"].values():
            if isinstance(service.get("build"), str):
                service["build"] = {"context": service["build"]}
        return Sources({"name": name, **model})

    monkeypatch.setattr(compose_file, "sources", sources)


def proposed(folder: Path, compose: str = "", dockerfile: str = "", **files: str) -> tuple[Proposal, Config]:
    """The proposal for a folder, and its tagship.yml as Tagship reads it."""
    named = {"docker-compose.yml": compose, "Dockerfile": dockerfile, **{f".env{n}": t for n, t in files.items()}}
    for name, text in named.items():
        if text:
            (folder / name).write_text(text)
    proposal = init.propose(folder, Answers("shop"))
    path = folder / "tagship.yml"
    path.write_text(proposal.files["tagship.yml"])
    return proposal, config_file.load(path)


WEB = "services:\n  web:\n    build: .\n    ports: ['8000:8000']\n"
DOCKERFILE = "FROM python:3.12\nCOPY . .\nEXPOSE 9000\nCMD x\n"


def test_a_dockerfile_alone_gets_a_compose_file_with_its_port_and_a_healthcheck(tmp_path: Path) -> None:
    proposal, config = proposed(tmp_path, dockerfile=DOCKERFILE)

    web = yaml.safe_load(proposal.files["docker-compose.yml"])["services"]["web"]
    assert (web["build"], web["ports"], web["healthcheck"]["test"][1]) == (".", ["9000:9000"], "python")
    assert config.routes == {"/*": "web:9000"}
    assert "docker-compose.deploy.yml" not in proposal.files


@pytest.mark.parametrize(("route", "asked"), [("/", ["/healthz", "/"]), ("/about", ["/healthz"])])
def test_the_smoke_test_asks_what_visitors_see_first_if_the_sources_have_it(
    tmp_path: Path, route: str, asked: list[str]
) -> None:
    (tmp_path / "app.py").write_text(f'@app.route("{route}")\n@app.route("/healthz")\n')

    proposal, config = proposed(tmp_path, dockerfile=DOCKERFILE)

    assert [check.path for check in config.environments["staging"].smoke] == asked
    assert "GET /healthz: {s}" in proposal.files["docker-compose.yml"]


def test_the_environments_are_this_machine_and_a_server_for_each_branch(tmp_path: Path) -> None:
    _, config = proposed(tmp_path, WEB, DOCKERFILE)

    assert {name: each.branch for name, each in config.environments.items()} == {
        "local": "", "staging": "staging", "production": "main",
    }  # fmt: skip
    assert config.environments["local"].url == "http://shop.localhost:8880"
    assert config.environments["production"].approval == "required"


def test_what_only_a_person_knows_is_listed_in_the_order_of_doing_it(tmp_path: Path) -> None:
    proposal, _ = proposed(tmp_path, WEB, DOCKERFILE)

    assert [step.split()[0] for step in proposal.todo] == ["git", "Try", "Write", "tagship", "tagship"]


def test_a_secret_is_asked_for_and_no_file_of_variables_gets_it(tmp_path: Path) -> None:
    compose = f"{WEB}    environment: {{API_KEY: 's3cr3t-value', HOSTS: localhost}}\n"
    proposal, _ = proposed(tmp_path, compose, DOCKERFILE)

    assert proposal.files[".env.staging"].endswith("\nHOSTS=\n")
    assert "API_KEY=s3cr3t-value" in proposal.files[".env.local"]
    assert any("its secrets, API_KEY:" in step for step in proposal.todo)
    (commit,) = (step for step in proposal.todo if "git commit" in step)
    assert "git add -f .env.staging && git commit" in commit


def test_a_dotenv_file_outside_git_holds_secrets_of_this_machine(tmp_path: Path) -> None:
    compose = f"{WEB}    env_file: [{{path: .env}}]\n"
    proposal, config = proposed(tmp_path, compose, DOCKERFILE, **{"": "TOKEN=abc\nLEVEL=info\n"})

    assert config.environments["local"].secrets == ("env://", "dotenv://.env")
    assert "abc" not in "".join(proposal.files.values())
    assert any(step.startswith("chmod 600 .env") for step in proposal.todo)


def test_a_suite_whose_program_is_missing_is_a_comment_and_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    (tmp_path / "go.mod").write_text("module x")
    proposal, config = proposed(tmp_path, WEB, DOCKERFILE)

    assert config.test == {}
    assert '# test:\n#   web: {run: "go test ./..."}' in proposal.files["tagship.yml"]
    assert any(step.startswith("Install go") for step in proposal.todo)


def test_without_a_compose_file_or_dockerfile_there_is_nothing_to_propose(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a Compose file nor a Dockerfile"):
        init.propose(tmp_path, Answers("shop"))


@pytest.mark.parametrize("name", ["2048", "null", "on", "yes", "1e3"])
def test_a_name_that_yaml_takes_for_something_else_is_quoted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/go")
    compose = f"services:\n  '{name}':\n    build: .\n    ports: ['8000:8000']\n    environment: {{DEBUG: '1'}}\n"
    (tmp_path / "docker-compose.yml").write_text(compose)
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "go.mod").write_text("module x")
    (tmp_path / "alembic.ini").write_text("")

    proposal = init.propose(tmp_path, Answers(name))

    (tmp_path / "tagship.yml").write_text(proposal.files["tagship.yml"])
    config = config_file.load(tmp_path / "tagship.yml")
    assert (config.app, config.release.services, list(config.test)) == (name, (name,), [name])
    assert list(yaml.safe_load(proposal.files["docker-compose.deploy.yml"].replace("!", "#"))["services"]) == [name]
