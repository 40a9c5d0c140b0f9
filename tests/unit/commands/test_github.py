"""`github.protect` and `github.check` against a GitHub that holds every request to its description."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.program import Program

from tagship import namespace
from tests.action import github as fake

CONFIG = """app: web
environments:
  staging: {engine: local, url: "http://localhost", branch: staging}
  production: {engine: local, url: "http://example.com", branch: main, approval: required}
"""


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[fake.GitHub]:
    """A GitHub, and a project's folder to stand in."""
    (tmp_path / "tagship.yml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAGSHIP_CONFIG", raising=False)
    with fake.serve() as served:
        for name, value in {"REPOSITORY": "o/r", "TOKEN": fake.TOKEN, "API_URL": served.url}.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        yield served


def run(*words: str) -> int:
    """The exit code of a command line."""
    try:
        Program(name="tagship", namespace=namespace, version="0").run(["tagship", *words])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_protect_makes_what_check_wants_and_then_changes_nothing(
    github: fake.GitHub, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("github.protect", "--reviewer", "alice", "--variable", "known_hosts=key")

    assert run("github.check") == 15
    assert run(*words) == 0
    assert "+ required reviewers: User 7" in capsys.readouterr().out
    assert run("github.check") == 0
    assert [policy["name"] for policy in github.policies["production"]] == ["main"]
    assert github.variables["production"] == {"KNOWN_HOSTS": "key"}

    github.requests.clear()
    assert run(*words) == 0
    assert {method for method, _, _ in github.requests} == {"GET"}


def test_a_dry_run_only_shows_the_difference(github: fake.GitHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("github.protect", "--env", "production", "--reviewer", "alice", "--dry-run") == 0

    assert "+ environment production" in capsys.readouterr().out
    assert github.environments == {}


def test_workflows_are_written_and_keep_their_pin(
    github: fake.GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert github.url
    pin = f"OWNER/tagship@{'a' * 40}"

    assert run("github.workflows") == 2
    assert run("github.workflows", "--uses", pin, "--dry-run") == 0
    assert not (tmp_path / ".github").exists()
    assert run("github.workflows", "--uses", pin) == 0
    assert "production needs on GitHub: nothing." in capsys.readouterr().out
    assert run("github.workflows") == 0
    assert capsys.readouterr().out.startswith("The workflows are up to date with tagship.yml.\n")
    assert pin in (tmp_path / ".github" / "workflows" / "deploy.yml").read_text()


def test_a_check_names_the_secrets_and_variables_that_the_jobs_refer_to_and_github_lacks(
    github: fake.GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tagship.yml").write_text(CONFIG.replace("engine: local", "engine: ssh://deploy@h"))
    compose = "services: {web: {environment: {A: '${KEY}', B: '${TOKEN:?}', C: '${SPARED:-}'}}}\n"
    (tmp_path / "docker-compose.yml").write_text(compose)
    github.protect("production", "main")
    github.secrets = {"production": {"KEY"}, "": {"SSH_KEY"}}

    assert run("github.check") == 15
    out = capsys.readouterr().out
    assert "production lacks the secrets TOKEN\n" in out
    assert "production lacks the variables KNOWN_HOSTS\n" in out

    github.secrets["production"].add("TOKEN")
    github.variables["production"] = {"KNOWN_HOSTS": "key"}
    assert run("github.check") == 0
