"""The kinds of faults: each a small function that does it, and is resumed when the command goes on.

Until its `yield`, the command waits at its point; what follows the `yield` happens beside it.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tagship.edge.shell import LIFE
from tests.faults.invariants import EDGE, eventually, shells, ssh_of
from tests.faults.scene import LIVE, LOCK, NEW, Scene

CODES = frozenset({0, 6, 7, 8, 9, 10, 11, 12, 13, 14, 130})
"""How a command may end to which something was done; documented in docs/reference.md."""
REGISTRY_CODE = 7
_CLOSING = 150.0
"""Seconds within which the kernel gives up connections that are being closed.

As long as an edge that was killed with its engine has one, its network namespace lives on, with the address of the next
one, and may take its requests. Nothing that Tagship does ends that, and a person would wait for it, too.
"""
_MOMENT = 3.0
"""Seconds that what passes by itself takes."""

Deed = Callable[[Scene], Iterator[None]]


@dataclass(frozen=True)
class Kind:
    """A fault that is tried at every step."""

    name: str
    do: Deed
    serves: bool = True
    """Whether no request may fail, because a release can serve all the while."""
    slow: bool = False
    """Whether it takes a minute, so that it is tried at few points."""
    needs: frozenset[str] = frozenset()
    """What there must be at a point, so that something is done there."""
    apart: bool = False
    """Whether `nox -s tests` tries it elsewhere, in tests/e2e/test_power_cut.py, and so not in the sample."""

    @property
    def sampled(self) -> bool:
        """Whether the sample has it."""
        return not self.slow and not self.apart


KINDS: dict[str, Kind] = {}


def kind(
    name: str, *needs: str, serves: bool = True, slow: bool = False, apart: bool = False
) -> Callable[[Deed], Deed]:
    """Name a fault, for the matrix."""

    def named(do: Deed) -> Deed:
        KINDS[name] = Kind(name, do, serves=serves, slow=slow, needs=frozenset(needs), apart=apart)
        return do

    return named


@kind("SIGKILL")
def _sigkill(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGKILL)
    scene.running.wait(10)
    yield


@kind("SIGINT")
def _sigint(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGINT)
    yield


@kind("SIGTERM")
def _sigterm(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGTERM)
    yield


@kind("SIGHUP")
def _sighup(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGHUP)
    yield


@kind("SIGINT twice")
def _sigint_twice(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGINT)
    yield
    time.sleep(0.2)
    scene.running.signal(signal.SIGINT)


@kind("cancelled CI job")
def _cancelled(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGINT)
    yield
    for seconds, number in ((7.5, signal.SIGTERM), (2.5, signal.SIGKILL)):
        if scene.running.wait(seconds):
            return
        scene.running.signal(number)


@kind("SSH cut")
def _ssh_cut(scene: Scene) -> Iterator[None]:
    for process in ssh_of(scene.wanted.temporary):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    yield


@kind("SSH frozen for 3 s")
def _ssh_frozen(scene: Scene) -> Iterator[None]:
    with _dropping(scene):
        yield
        time.sleep(_MOMENT)


@kind("SSH frozen for good", slow=True)
def _ssh_gone(scene: Scene) -> Iterator[None]:
    with _dropping(scene):
        yield
        scene.running.wait(150)
        if not eventually(lambda: not shells(scene.wanted), LIFE):  # which no connection's end ends
            scene.problems.append(f"its shell in the edge is still there after {LIFE:g} s")


@contextlib.contextmanager
def _dropping(scene: Scene) -> Iterator[None]:
    rule = ["INPUT", "-p", "tcp", "--dport", "22", "-j", "DROP"]
    scene.wanted.host.run(["iptables", "-I", *rule])
    try:
        yield
    finally:
        scene.wanted.host.run(["iptables", "-D", *rule])


@kind("deployer suspended for 3 s")
def _suspended(scene: Scene) -> Iterator[None]:
    scene.running.signal(signal.SIGSTOP)
    yield
    time.sleep(_MOMENT)
    scene.running.signal(signal.SIGCONT)


@kind("engine killed and restarted", serves=False, apart=True)
def _engine_killed(scene: Scene) -> Iterator[None]:
    scene.wanted.host.engine.kill()
    yield
    scene.wanted.host.engine.start()
    if not eventually(scene.reached, _CLOSING):
        scene.problems.append(f"the edge isn't reached {_CLOSING:g} s after the engine started again")


@kind("server rebooted", serves=False, apart=True)
def _rebooted(scene: Scene) -> Iterator[None]:
    scene.wanted.host.engine.cut_power()
    yield
    scene.wanted.host.engine.start()


@kind("edge killed", EDGE, serves=False)
def _edge_killed(scene: Scene) -> Iterator[None]:
    scene.kill_containers(EDGE)
    yield


@kind("edge removed", EDGE, serves=False)
def _edge_removed(scene: Scene) -> Iterator[None]:
    scene.docker("rm", "--force", EDGE)
    yield


@kind("edge paused for 3 s", EDGE)
def _edge_paused(scene: Scene) -> Iterator[None]:
    scene.docker("pause", EDGE)
    yield
    time.sleep(_MOMENT)
    scene.docker("unpause", EDGE)


@kind("docker system prune -af --volumes")
def _pruned(scene: Scene) -> Iterator[None]:
    scene.docker("system", "prune", "--all", "--force", "--volumes")
    yield


@kind("lock removed", LOCK)
def _lock_removed(scene: Scene) -> Iterator[None]:
    scene.remove_lock()
    yield


@kind("lock freed, and another deploy", LOCK)
def _two_at_once(scene: Scene) -> Iterator[None]:
    scene.remove_lock()
    color = {"COLOR": "another", "TMPDIR": str(scene.wanted.temporary)}
    other = scene.deployer.start(("deploy", "--env", scene.wanted.environment), color, asks=False)
    yield
    ended = other.go()
    scene.did = ended.code != REGISTRY_CODE  # before the push, there is nothing that the other could deploy
    if ended.code not in CODES or "Traceback" in ended.err:
        scene.problems.append(f"the other deploy ended with {ended.code}:\n{ended.err}")


@kind("registry unreachable for 3 s")
def _registry_gone(scene: Scene) -> Iterator[None]:
    rule = ["OUTPUT", "-p", "tcp", "--dport", "5000", "-j", "REJECT"]
    scene.wanted.host.run(["iptables", "-I", *rule])
    try:
        yield
        time.sleep(_MOMENT)
    finally:
        scene.wanted.host.run(["iptables", "-D", *rule])


@kind("live release killed", LIVE, serves=False)
def _live_killed(scene: Scene) -> Iterator[None]:
    scene.kill_containers(*scene.containers(live=True))
    yield


@kind("new release killed", NEW)
def _new_killed(scene: Scene) -> Iterator[None]:
    if scene.before:  # a first deploy may have no edge yet to ask
        folder = f"/tagship/{scene.wanted.place}"
        live, canary = (scene.docker("exec", EDGE, "cat", f"{folder}/{file}").strip() for file in ("live", "canary"))
        scene.serves &= live == scene.before and canary == "off"
    scene.kill_containers(*scene.containers(live=False))
    yield
