"""The trivial application, one for each test, removed from the hosts afterwards."""

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hello import Hello
from tests.rig import Rig

_NUMBERS = itertools.count(1)
_ENGINES = ("host1", "host2")


@pytest.hookimpl(tryfirst=True)  # before pytest looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as thorough a test on the engine that isn't its own: each test has one, whatever else is selected."""
    for item in items:
        values = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        own = _ENGINES[zlib.crc32(item.nodeid.partition("[")[0].encode()) % len(_ENGINES)]
        if values.get("environment", own) != own:
            item.add_marker("thorough")


@pytest.fixture
def hello(rig: Rig, tmp_path: Path) -> Iterator[Hello]:
    """An application of its own name, not yet committed."""
    app = Hello(rig, tmp_path / "app", f"hello{next(_NUMBERS)}")
    yield app
    app.remove()


@pytest.fixture(params=_ENGINES, ids=["engine-28", "engine-20.10"])
def environment(request: pytest.FixtureRequest) -> str:
    """Each of the rig's hosts: a current engine and an old one."""
    return str(request.param)
