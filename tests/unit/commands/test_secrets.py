"""`secrets.*`, with stores that need no server."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.fakes.repositories import Repository
from tests.unit.commands.conftest import Run

CONFIG = """\
app: shop
secrets: ["env://SHOP_", "dotenv://.env.secrets"]
release: {accessories: [db]}
environments:
  staging: {engine: "ssh://deploy@staging.example", url: "https://staging.example.com", variables: .env.staging}
  production: {engine: "ssh://deploy@example.com", url: "https://example.com", secrets: "env://PROD_"}
"""
WEB = {"build": {"context": "."}, "environment": {"KEY": "${SECRET_KEY:?}", "PW": "${DB_PASSWORD}", "L": "${LEVEL}"}}
COMPOSE = {
    "name": "shop",
    "services": {"web": WEB, "db": {"image": "postgres", "environment": {"PW": "${DB_PASSWORD}"}}},
}
Stdin = Callable[[str], None]
STORED = {"SECRET_KEY": "key-of-staging", "DB_PASSWORD": "password-of-staging"}


@pytest.fixture(autouse=True)
def store(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app in a repository, whose staging has all secrets in a file, and a `docker-compose` that knows its file."""
    plugin = repository.folder.parent / "docker" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(COMPOSE)}'\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("DOCKER_CONFIG", str(plugin.parents[1]))
    repository.write("tagship.yml", CONFIG)
    repository.write("docker-compose.yml", json.dumps(COMPOSE))
    repository.write(".gitignore", ".env.secrets\n")
    repository.write(".env.staging", "LEVEL=INFO\n")
    repository.commit()
    file = repository.folder / ".env.secrets"
    file.write_text("".join(f"{name}={value}\n" for name, value in STORED.items()))
    file.chmod(0o600)
    return file


def values(store: Path) -> dict[str, str]:
    return dict(line.replace("'", "").split("=") for line in store.read_text().splitlines())


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Stdin:
    """Sets what comes by stdin."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_check_of_an_environment_that_has_everything_succeeds(run: Run) -> None:
    ran = run("secrets.check", "--env", "staging")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "staging has every value that the Compose file needs: 3 names, 2 of them secrets.\n"


def test_a_check_reports_everything_at_once_and_fails_like_a_deploy(run: Run, store: Path) -> None:
    (store.parent / ".env.example").write_text("SECRET_KEY=key-of-staging\n")
    (store.parent / ".env.staging").write_text("DB_PASSWORD=of-a-file\n")

    ran = run("secrets.check", "--env", "staging")
    as_json = run("secrets.check", "--env", "staging", "--json")

    assert (ran.code, as_json.code) == (2, 2)
    found = json.loads(as_json.out)["problems"]
    assert [(problem["what"], problem["names"]) for problem in found] == [
        ("missing", ["LEVEL"]), ("example", ["SECRET_KEY"]), ("doubled", ["DB_PASSWORD"])
    ]  # fmt: skip
    assert [f"refused: {problem['text']}" for problem in found] == ran.out.splitlines()
    assert ran.err.startswith("staging has 3 problems.")
    assert not any(value in ran.out + ran.err + as_json.out for value in (*STORED.values(), "of-a-file"))


def test_the_list_says_where_each_secret_comes_from_and_what_uses_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROD_SECRET_KEY", "key-of-production")

    staging = json.loads(run("secrets.list", "--env", "staging", "--json").out)["secrets"]
    production = run("secrets.list", "--env", "production")

    assert [(row["name"], row["origin"], row["users"]) for row in staging] == [
        ("DB_PASSWORD", "dotenv://.env.secrets", ["web", "db (accessory)"]),
        ("SECRET_KEY", "dotenv://.env.secrets", ["web"]),
    ]
    assert production.out.index("SECRET_KEY") < production.out.index("nowhere") < production.out.index("DB_PASSWORD")
    assert "key-of-production" not in production.out


def test_a_comparison_tells_same_from_different_and_shows_no_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROD_SECRET_KEY", STORED["SECRET_KEY"])
    monkeypatch.setenv("PROD_DB_PASSWORD", "password-of-production")
    monkeypatch.setenv("PROD_LEVEL", "DEBUG")

    ran = run("secrets.diff", "staging", "production", "--json")

    assert json.loads(ran.out) == {"DB_PASSWORD": "different", "LEVEL": "different", "SECRET_KEY": "same"}


def test_a_value_is_set_from_stdin_in_the_last_store_that_can_be_written_to(
    run: Run, store: Path, stdin: Stdin
) -> None:
    stdin("new password\n")

    ran = run("secrets.set", "DB_PASSWORD", "--env", "staging")

    assert ran.code == 0, ran.err
    assert values(store) == {**STORED, "DB_PASSWORD": "new password"}
    assert ran.out.splitlines() == [
        "Set DB_PASSWORD in dotenv://.env.secrets.",
        "db may know the old value alone: a database's password is changed there first.",
        "To bring it to web: tagship deploy --env staging",
        "To bring it to db: tagship accessories.recreate --env staging --name db",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        (["1X"], "x", 64, "can't be a variable's name"),
        (["TAGSHIP_SHA"], "x", 64, "Tagship's own"),
        (["X"], "", 22, "No value was given for X"),
        (["X"], "a\0b", 22, "NUL"),
        (["X"], "a" * 131072, 22, "longer than 128 KiB"),
        (["X", "--store", "env://SHOP_"], "x", 2, "can't be written to"),
        (["X", "--store", "vault://x"], "x", 2, "doesn't name the store"),
        ([], "x", 64, "secrets.set needs NAME"),
    ],
)
def test_what_no_variable_or_store_can_hold_is_refused_and_nothing_is_written(
    run: Run, store: Path, stdin: Stdin, bad: tuple[list[str], str, int, str]
) -> None:
    argv, text, code, said = bad
    stdin(text)

    ran = run("secrets.set", *argv, "--env", "staging")

    assert ran.code == code
    assert said in ran.err
    assert values(store) == STORED


def test_a_value_that_another_place_overrides_is_set_and_said_to_be_of_no_use(
    run: Run, store: Path, stdin: Stdin
) -> None:
    stdin("new")

    ran = run("secrets.set", "LEVEL", "--env", "staging")

    assert "But `variables` of tagship.yml gives LEVEL, too, and that value counts." in ran.out
    assert values(store)["LEVEL"] == "new"


def test_a_rotation_makes_a_strong_value_and_can_keep_the_old_one(run: Run, store: Path) -> None:
    ran = run("secrets.rotate", "SECRET_KEY", "--env", "staging", "--keep-as", "SECRET_KEY_OLD")

    after = values(store)
    assert ran.code == 0, ran.err
    assert after["SECRET_KEY_OLD"] == STORED["SECRET_KEY"]
    assert len(after["SECRET_KEY"]) == 43
    assert after["SECRET_KEY"] not in ran.out
    assert after["DB_PASSWORD"] == STORED["DB_PASSWORD"]


def test_a_value_that_was_kept_and_may_be_live_is_replaced_only_aloud(run: Run, store: Path) -> None:
    argv = ("secrets.rotate", "SECRET_KEY", "--env", "staging", "--keep-as", "SECRET_KEY_OLD")
    assert run(*argv).code == 0
    kept = values(store)

    again = run(*argv)
    assert (again.code, "would be lost" in again.err) == (64, True)
    assert values(store) == kept

    assert run(*argv, "--overwrite").code == 0
    assert values(store)["SECRET_KEY_OLD"] == kept["SECRET_KEY"]


def test_a_secret_isnt_kept_as_itself(run: Run, store: Path) -> None:
    before = values(store)

    ran = run("secrets.rotate", "SECRET_KEY", "--env", "staging", "--keep-as", "SECRET_KEY")

    assert (ran.code, "is the secret itself" in ran.err) == (64, True)
    assert values(store) == before


@pytest.mark.parametrize(
    ("command", "code", "password"),
    [
        ("printf 'made by a command\\n'", 0, "made by a command"),
        ("false", 22, STORED["DB_PASSWORD"]),
        ("true", 22, STORED["DB_PASSWORD"]),
        ("echo 'unclosed", 64, STORED["DB_PASSWORD"]),
        (f"echo {STORED['DB_PASSWORD']}", 22, STORED["DB_PASSWORD"]),
    ],
)
def test_a_command_makes_the_new_value_unless_it_fails_or_prints_none(
    run: Run, store: Path, command: str, code: int, password: str
) -> None:
    ran = run("secrets.rotate", "DB_PASSWORD", "--env", "staging", "--command", command)

    assert ran.code == code
    assert values(store)["DB_PASSWORD"] == password
    assert STORED["DB_PASSWORD"] not in ran.err


def test_what_is_nowhere_cant_be_rotated(run: Run) -> None:
    ran = run("secrets.rotate", "UNKNOWN", "--env", "staging")

    assert (ran.code, "run `tagship secrets.set UNKNOWN --env staging`" in ran.err) == (2, True)


@pytest.mark.parametrize("argv", [["secrets.set", "SECRET_KEY"], ["secrets.rotate", "SECRET_KEY"]])
def test_a_dry_run_changes_nothing(run: Run, store: Path, argv: list[str]) -> None:
    ran = run(*argv, "--env", "staging", "--dry-run")

    assert ran.code == 0
    assert ran.out.startswith("Would ")
    assert values(store) == STORED


def test_help_is_no_name_for_a_secret(run: Run) -> None:
    ran = run("secrets.set", "--help")

    assert ran.code == 0
    assert ran.out.startswith("Usage: tagship secrets.set NAME [--option …]")


def test_a_terminal_is_asked_without_echo(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "typed"

    monkeypatch.setattr("getpass.getpass", ask)

    assert run("secrets.set", "DB_PASSWORD", "--env", "staging").code == 0
    assert (asked, values(store)["DB_PASSWORD"]) == (["New value of DB_PASSWORD: "], "typed")


def test_bytes_that_are_no_text_are_refused(run: Run, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8"))

    ran = run("secrets.set", "DB_PASSWORD", "--env", "staging")

    assert (ran.code, "isn't text" in ran.err, values(store)) == (22, True, STORED)
