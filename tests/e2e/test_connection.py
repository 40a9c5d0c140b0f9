"""The one SSH connection: shared with nobody, cut, and never left behind."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hello import Hello


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The deployer's folder for temporary files, with a name short enough for a socket's."""
    folder = Path(tempfile.mkdtemp(prefix="e2e-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_a_killed_deploy_leaves_nothing_on_its_machine_and_meanwhile_others_may_look(
    hello: Hello, environment: str, temporary: Path
) -> None:
    hello.settings["registry"] = "embedded"
    hello.settings["registry-image"] = hello.rig.image("registry")
    hello.commit()
    try:
        hello.ship(environment)
        sha = hello.commit(**{"server = http": "time.sleep(30)\nserver = http"})
        hello.tagship("build")
        hello.tagship("push")
        deploying = hello.start("deploy", "--env", environment, env={"TMPDIR": str(temporary)})
        _wait_for_container(hello, sha)

        assert hello.name in hello.tagship("status", "--env", environment)
        assert "holds it for" in hello.tagship("lock.status", "--env", environment)
        assert "is locked by" in hello.run("deploy", "--env", environment).stderr
        deploying.kill()
        deploying.communicate()

        assert _eventually(lambda: list(temporary.iterdir()) == [] and not ssh_of(temporary))
        hello.tagship("lock.release", "--env", environment)
        good = hello.commit(**{"time.sleep(30)\nserver = http": "server = http"})
        hello.ship(environment)
        assert good in hello.get(environment)
    finally:
        hello.rig.laptop.run(["docker", "compose", "-p", f"{hello.name}-registry", "down", "--volumes"])


def test_a_deploy_whose_connection_is_cut_goes_on_over_a_new_one_or_says_so_and_puts_everything_back(
    hello: Hello, environment: str, temporary: Path
) -> None:
    good = hello.commit()
    hello.ship(environment)
    sha = hello.commit(**{"server = http": "time.sleep(5)\nserver = http"})
    hello.tagship("build")
    hello.tagship("push")
    deploying = hello.start("deploy", "--env", environment, env={"TMPDIR": str(temporary)})
    _wait_for_container(hello, sha)

    for process in ssh_of(temporary):
        os.kill(process, signal.SIGKILL)
    _, said = deploying.communicate(timeout=90)

    if deploying.returncode:  # a call was under way
        assert deploying.returncode == 8, said
        assert "broke: " in said
        assert f"{hello.name}-{environment}-{good[:8]}" in said
        assert "not everything was undone" not in said
    assert (good if deploying.returncode else sha) in hello.get(environment)
    assert "Nobody is deploying" in hello.tagship("lock.status", "--env", environment)
    assert list(temporary.iterdir()) == []


def test_a_user_who_may_run_no_command_on_the_server_deploys_as_well(hello: Hello, environment: str) -> None:
    host = next(host for host in hello.rig.hosts if host.name == environment)
    sha = hello.commit()
    host.run(["usermod", "--shell", "/usr/sbin/nologin", "deploy"])
    try:
        hello.ship(environment)
    finally:
        host.run(["usermod", "--shell", "/bin/bash", "deploy"])

    assert sha in hello.get(environment)


def ssh_of(temporary: Path) -> list[int]:
    """The ssh processes whose near end is in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"ssh") and any(str(temporary).encode() in word for word in words):
            found.append(int(process.name))
    return found


def _wait_for_container(hello: Hello, sha: str) -> None:
    """Until a container of a commit's release runs, on whichever host."""
    wanted = ("ps", "-q", "--filter", f"label=tagship.sha={sha}")
    assert _eventually(lambda: any(host.docker(*wanted) for host in hello.rig.hosts))


def _eventually(happens: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
