"""Which containers are followed."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tagship.commands import showing
from tagship.engine.containers import Container
from tagship.names import Place
from tagship.server.logs import Told, Wanted
from tagship.server.session import Session
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
