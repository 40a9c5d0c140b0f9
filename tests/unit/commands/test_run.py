"""`run`, `exec`, `console` and `db.shell`, up to what they would run."""

from pathlib import Path
from typing import Any

import pytest

from tagship.errors import EngineError
from tagship.server import one_off
from tests.fakes.servers import Answer, Server
from tests.unit.commands.conftest import Reach, Run
from tests.unit.commands.test_logs import LIVE, listed


@pytest.fixture(autouse=True)
def _there(daemon: Server, reach: Reach, app: Path) -> None:
    reach.live = LIVE
    there: list[dict[str, Any]] = [listed(LIVE, "web"), listed(LIVE, "web", 2), listed(LIVE, "worker")]
    there += [listed("shop-staging-accessories", "db"), listed("shop-staging-accessories", "cache")]
    daemon.answers["GET /containers/json"] = Answer(body=there)
    for name, command in (("db", "postgres"), ("cache", "redis-server")):
        daemon.answers[f"GET /containers/accessor-{name}-1/json"] = Answer(body={"Config": {"Cmd": [command]}})
    with (app / "tagship.yml").open("a") as file:
        file.write("console: {worker: bin/rails console, web: irb}\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("run", "--service", "web", "--", "sh", "-c", "a  'b'"), f"run  {LIVE}, web: sh -c "),
        (("exec", "--service", "web-2", "--", "ls"), f"exec  {LIVE}-web-2: ls"),
        (("exec", "--service", "db", "--", "ls"), "exec  shop-staging-accessories-db-1: ls"),
        (("console",), f"run  {LIVE}, worker: bin/rails console"),
        (("console", "--service", "web", "--", "-w"), f"run  {LIVE}, web: irb -w"),
        (("db.shell", "--", "-c", "x"), "exec  shop-staging-accessories-db-1: psql -c x"),
        (("db.shell", "--name", "cache"), "exec  shop-staging-accessories-cache-1: redis-cli"),
    ],
)
def test_says_what_it_would_run_and_where(run: Run, argv: tuple[str, ...], said: str) -> None:
    task, *rest = argv

    ran = run(task, "--env", "staging", "--dry-run", *rest)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(said)


@pytest.mark.parametrize(
    ("argv", "code", "problem"),
    [
        (("run",), 64, "run needs a command.\n  hint: write it after --"),
        (("run", "--", "x"), 64, "run needs a service.\n  hint: give --service with one of: web, worker"),
        (("run", "--service", "db", "--", "x"), 9, "db has no container in staging.\n  hint: use one of: web, worker"),
        (("exec", "--", "x"), 64, "exec needs a container."),
        (("exec", "--service", "web-3", "--", "x"), 9, "web-3 has no container"),
        (("console", "--service", "db"), 2, "no console of db.\n  hint: use one of: worker, web"),
        (("db.shell", "--name", "web"), 9, "web has no container"),
    ],
)
def test_says_what_is_missing(run: Run, argv: tuple[str, ...], code: int, problem: str) -> None:
    task, *rest = argv

    ran = run(task, "--env", "staging", *rest)

    assert ran.code == code
    assert problem in ran.err


def test_a_program_that_is_not_in_the_image_ends_as_in_a_shell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise EngineError('The engine says: exec: "nosuch": executable file not found in $PATH.', status=400)

    monkeypatch.setattr(one_off.OneOff, "run", refuse)

    ran = run("run", "--env", "staging", "--service", "web", "--", "nosuch")

    assert (ran.code, ran.err) == (127, "The image of web has no program nosuch.\n")


def test_a_command_without_its_dashes_is_no_task(run: Run) -> None:
    assert "run takes a command after --." in run("run", "--env", "staging", "python", "x.py").err
