"""The lock on an engine, and its holder."""

import json

import pytest

from tagship.engine.client import Engine
from tagship.errors import EngineError
from tagship.names import Holder, Place
from tagship.server import lock
from tests.fakes.servers import Answer, Server


def test_knows_whether_a_lock_stands(daemon: Server, engine: Engine) -> None:
    daemon.answers |= {
        "GET /containers/ours/json": Answer(body={}),
        "GET /containers/broken/json": Answer(500, {"message": "no"}),
    }

    assert lock.stands(engine, "ours")
    assert not lock.stands(engine, "gone")
    with pytest.raises(EngineError):
        lock.stands(engine, "broken")


def test_a_lock_that_a_newer_version_holds_is_read(daemon: Server, engine: Engine) -> None:
    holder = {"who": "ada", "doing": "deploy shop-staging", "run": "", "since_version": "9.0"}
    labels = {"tagship.holder": json.dumps(holder), "tagship.since": "5.0"}
    daemon.answers["GET /containers/tagship-lock-shop-staging/json"] = Answer(
        body={"Id": "l1", "Config": {"Labels": labels}}
    )

    found = lock.read(engine, Place("shop", "staging"))

    assert found is not None
    assert found.holder == Holder("ada", "deploy shop-staging")


def test_a_person_is_a_user_on_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("LOGNAME", "ada")

    holder = lock.holder("deploy staging")

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

    assert lock.holder("deploy") == Holder("ada", "deploy", "https://github.com/shop/app/actions/runs/42")
