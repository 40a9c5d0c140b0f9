"""Which containers are followed."""

import json
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tagship.commands import showing
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.engine.logs import Line
from tagship.names import Place
from tagship.server.logs import Logs, Told, Wanted
from tagship.server.session import Session
from tests.fakes.servers import Answer, Server
from tests.unit.engine.test_containers import container

PLACE = Place("shop", "staging")


@pytest.mark.parametrize(
    ("project", "followed"),
    [("shop-staging-aaaaaaaa-c0ffee", [True]), ("shop-staging-accessories", [False]), ("", [False])],
)
def test_a_new_release_is_followed_but_no_guard_of_a_command(
    project: str, followed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[bool] = []

    class Logs:
        def __init__(self, *_: object) -> None: ...

        def so_far(self) -> Iterator[Told]:
            return iter(())

        def following(self, _: Place, wants: Callable[[Container], bool], *__: object) -> Iterator[Told]:
            found.append(wants(container("new", project=project)))
            return iter(())

    monkeypatch.setattr(showing, "Logs", Logs)
    session = cast("Session", SimpleNamespace(engine=cast("Any", None), place=PLACE))

    showing.show(session, [], Wanted(), showing.Display(raw=False, json=False), [])

    assert found == followed


SENT = "a\x9b2J\x7fb \x1b[31mred"


@pytest.mark.parametrize(
    ("raw", "terminal", "shown"),
    [
        (True, False, SENT),
        (True, True, "a2Jb \x1b[31mred"),
        (False, True, r"a\u009b2J\u007fb \u001b[31mred"),
        (False, False, r"a\u009b2J\u007fb \u001b[31mred"),
    ],
)
def test_a_raw_line_and_a_json_line_change_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, raw: bool, terminal: bool, shown: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    showing.Display(raw=raw, json=not raw).print(Told(container("web"), Line("2026", "stdout", SENT)))

    said = capsys.readouterr().out
    assert shown in said
    assert raw or json.loads(said)["text"] == SENT


def test_what_goes_wrong_in_a_thread_that_follows_ends_the_wait(daemon: Server, engine: Engine) -> None:
    daemon.answers["GET /events"] = Answer(lines=[{"Actor": "of no shape that an engine says"}])
    followed = Logs(engine, [], Wanted()).following(PLACE, lambda _: True, print)

    with pytest.raises(TypeError):
        next(followed)
