"""Which shell a database's container has."""

import subprocess
from pathlib import Path

import pytest

from tagship.server import database_shell
from tagship.server.database_shell import Shell


@pytest.mark.parametrize(
    ("config", "program"),
    [
        ({"Cmd": ["postgres", "-c", "x=y"], "Entrypoint": ["docker-entrypoint.sh"]}, "psql"),
        ({"Env": ["PATH=/bin", "POSTGRES_USER=a"]}, "psql"),
        ({"Cmd": ["mariadbd"]}, "mysql"),
        ({"Env": ["MYSQL_DATABASE=a"]}, "mysql"),
        ({"Cmd": ["/usr/local/bin/redis-server", "--appendonly", "yes"]}, "redis-cli"),
    ],
)
def test_a_database_is_known_by_its_program_or_its_variables(config: dict[str, object], program: str) -> None:
    found = database_shell.recognised(config)

    assert found
    assert found.program == program


def test_anything_else_has_no_shell() -> None:
    assert database_shell.recognised({"Cmd": ["minio"], "Env": ["PATH=/bin"], "Entrypoint": None}) is None


def test_a_password_among_the_servers_arguments_goes_into_a_variable() -> None:
    found = database_shell.recognised({"Cmd": ["sh", "-c", "exec redis-server --requirepass hunter22 --port 6379"]})

    assert found is None  # a script of one word isn't looked into
    found = database_shell.recognised({"Cmd": ["redis-server", "--requirepass", "hunter22"]})
    assert found
    assert found.environment() == {"REDISCLI_AUTH": "hunter22"}
    assert "hunter22" not in f"{found!r}{found.argv}"


@pytest.mark.parametrize(
    ("command", "password"),
    [
        (["redis-server", "--requirepass", "pa ss"], "pa ss"),
        (["redis-server", "--requirepass", "$odd"], "$odd"),
        (["sh", "-c", "exec redis-server --requirepass 'pa ss' --port 1"], "pa ss"),
        (["sh", "-c", 'exec redis-server --requirepass "$REDIS_PASSWORD"'], ""),
        (["sh", "-c", "exec redis-server --requirepass `cat /run/it`"], ""),
        (["sh", "-c", "redis-server --requirepass 'open"], ""),
        (["redis-server", "--requirepass"], ""),
    ],
)
def test_a_password_is_taken_only_as_the_server_gets_it(command: list[str], password: str) -> None:
    found = database_shell.recognised({"Cmd": command, "Env": ["REDIS_PASSWORD=right"]})

    assert found
    assert found.environment() == ({"REDISCLI_AUTH": password} if password else {})


@pytest.mark.parametrize(
    ("program", "variables", "said"),
    [
        ("psql", {"POSTGRES_USER": "ann", "POSTGRES_PASSWORD": "geheim"}, "PGPASSWORD=geheim -U ann -d ann -c x y"),
        ("psql", {"POSTGRES_DB": "shop"}, "PGPASSWORD= -U postgres -d shop -c x y"),
        (
            "mysql",
            {"MYSQL_USER": "bob", "MYSQL_PASSWORD": "p", "MYSQL_DATABASE": "shop"},
            "MYSQL_PWD=p -u bob -D shop -c x y",
        ),
        ("mysql", {"MARIADB_ROOT_PASSWORD": "r"}, "MYSQL_PWD=r -u root -c x y"),
        ("redis-cli", {"REDIS_PASSWORD": "q"}, "REDISCLI_AUTH=q -c x y"),
    ],
)
def test_user_and_database_are_the_containers_and_the_password_is_in_no_argument(
    program: str, variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    name = said.partition("=")[0]
    fake = tmp_path / program
    fake.write_text(f'#!/bin/sh\necho "{name}=${name}" "$@"\n')
    fake.chmod(0o755)

    done = subprocess.run(
        [*Shell(program).argv, "-c", "x y"],
        env={"PATH": f"{tmp_path}:/bin:/usr/bin", **variables}, check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout.strip() == said


def test_a_password_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "psql").write_text('#!/bin/sh\necho "$PGPASSWORD"\n')
    (tmp_path / "psql").chmod(0o755)
    (tmp_path / "secret").write_text("geheim\n")

    done = subprocess.run(
        Shell("psql").argv,
        env={"PATH": f"{tmp_path}:/bin:/usr/bin", "POSTGRES_PASSWORD_FILE": str(tmp_path / "secret")},
        check=True, capture_output=True, text=True,
    )  # fmt: skip

    assert done.stdout == "geheim\n"
