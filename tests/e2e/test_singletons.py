"""A service that answers requests, writes to a volume, and must never run twice: the edge holds requests meanwhile."""

from collections.abc import Iterator

import pytest

from tests.hello import Hello
from tests.rig import Rig

_LOCKED = """import fcntl, sys
held = open("/state/lock", "w")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit("two of me")
"""


@pytest.fixture(params=["singletons", "recreate"])
def app(rig: Rig, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Hello]:
    """Its program ends at once if another one has the lock in the volume."""
    app = Hello(rig, tmp_path_factory.mktemp("single") / "app", "single")
    app.compose["services"]["web"]["volumes"] = ["state:/state"]
    app.compose["volumes"] = {"state": None}
    app.compose["services"]["web"]["deploy"] = {"resources": {"limits": {"memory": "256M", "pids": 99}}}
    how = {"singletons": ["web"]} if request.param == "singletons" else {"recreate": True}
    app.settings |= {"release": how, "smoke-within": "20s"}  # it listens, and many wait already
    server = app.folder / "server.py"
    server.write_text(_LOCKED + server.read_text())
    app.commit()
    yield app
    app.remove()


def test_it_is_replaced_and_brought_back_without_two_of_it_or_a_failed_request(app: Hello) -> None:
    app.ship("host1")
    load = app.load("host1", [["/", body, keep] for body in (None, "x" * 2000) for keep in (True, False)] * 2)
    app.commit(hello="hello again")
    steps = list(app.ship("host1")["steps"])
    app.tagship("rollback", "--env", "host1")
    seen = load.stop()
    app.commit(**{"server = http": "sys.exit('no'); server = http"})
    failed = app.run("ship", "--env", "host1")
    plan = app.tagship("deploy", "--env", "host1", "--dry-run")
    app.tagship("restart", "--env", "host1")

    assert seen["failures"] == []
    assert next(step for step in steps if step.startswith(("Stop ", "Start web"))).startswith("Stop ")
    assert "up to 10 s" in plan
    assert " s the last time" in plan
    assert failed.returncode != 0
    assert "two of me" not in failed.stderr
    assert "is serving" in failed.stderr
    host = app.rig.hosts[0]
    mine = host.docker("ps", "-q", "--filter", f"label=tagship.app={app.name}").split()
    limits = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}"
    assert host.docker("inspect", "--format", limits, *mine).strip() == f"{256 << 20} 99"
    app.tagship("smoke-test", "--env", "host1")
