"""The rig, started once for all tests that need real parts."""

from collections.abc import Iterator

import pytest

from tests.rig import Rig


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """Engines, hosts and registries; `python -m tests.rig up` keeps them between runs."""
    with Rig() as started:
        for host in started.hosts:
            started.reset(host)  # what a run that was killed left behind
        yield started
