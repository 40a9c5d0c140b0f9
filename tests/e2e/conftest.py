"""The trivial application, one for each test, removed from the hosts afterwards."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hello import Hello
from tests.rig import Rig

_NUMBERS = itertools.count(1)


@pytest.fixture
def hello(rig: Rig, tmp_path: Path) -> Iterator[Hello]:
    """An application of its own name, not yet committed."""
    app = Hello(rig, tmp_path / "app", f"hello{next(_NUMBERS)}")
    yield app
    app.remove()


@pytest.fixture(params=["host1", "host2"], ids=["engine-28", "engine-20.10"])
def environment(request: pytest.FixtureRequest) -> str:
    """Each of the rig's hosts: a current engine and an old one."""
    return str(request.param)
