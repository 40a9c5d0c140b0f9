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
from tests.faults.invariants import Wanted, eventually, locks, shells, ssh_of
from tests.faults.points import Deployer, Point, Running

EDGE = "tagship-edge"
_MOMENT = 3.0
"""Seconds that what passes by itself takes."""


@dataclass
class Scene:
    """A command that waits at a point, and where."""

    running: Running
    deployer: Deployer
    wanted: Wanted
    before: str
    """The release that was live before it; empty for none."""
    serves: bool = True
    """Whether a release could serve all the while."""
    point: Point | None = None

    def docker(self, *words: str) -> str:
        """Run docker on the server."""
        return self.wanted.host.docker(*words)

    def kill_containers(self, *ids: str) -> None:
        """SIGKILL their first processes, as the kernel does when memory runs out: their restart policies hold."""
        for each in ids:
            with contextlib.suppress(Exception):  # it has just ended
                process = self.docker("inspect", "-f", "{{.State.Pid}}", each).strip()
                if process != "0":  # it doesn't run; for `kill`, 0 would be our own process group
                    self.wanted.host.run(["kill", "-KILL", process])

    def containers(self, *, live: bool) -> list[str]:
        """The running containers of the release that was live, or of all others of the application."""
        name = '{{.ID}} {{.Label "tagship.release"}}'
        ours = ("--filter", f"label=tagship.app={self.wanted.app.name}", "--filter", "label=tagship.release")
        rows = self.docker("ps", "--format", name, *ours).splitlines()
        return [row.split()[0] for row in rows if (row.split()[-1] == self.before) == live]


Deed = Callable[[Scene], Iterator[None]]


@dataclass(frozen=True)
class Kind:
    """A fault that is tried at every step."""

    name: str
    do: Deed
    kills: bool = False
    """Whether the command can't tidy up, so that its lock stays until it expires or somebody frees it."""
    serves: bool = True
    """Whether no request may fail, because a release can serve all the while."""
    slow: bool = False
    """Whether it takes a minute, so that it is tried at few points."""
    apart: bool = False
    """Whether `nox -s tests` tries it elsewhere, in tests/e2e/test_power_cut.py, and so not in the sample."""

    @property
    def sampled(self) -> bool:
        """Whether the sample has it."""
        return not self.slow and not self.apart


KINDS: dict[str, Kind] = {}


def kind(
    name: str, *, kills: bool = False, serves: bool = True, slow: bool = False, apart: bool = False
) -> Callable[[Deed], Deed]:
    """Name a fault, for the matrix."""

    def named(do: Deed) -> Deed:
        KINDS[name] = Kind(name, do, kills=kills, serves=serves, slow=slow, apart=apart)
        return do

    return named


@kind("SIGKILL", kills=True)
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
        eventually(lambda: not shells(scene.wanted), LIFE)  # which no connection's end ends


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


@kind("server rebooted", serves=False, apart=True)
def _rebooted(scene: Scene) -> Iterator[None]:
    scene.wanted.host.engine.cut_power()
    yield
    scene.wanted.host.engine.start()


@kind("edge killed", serves=False)
def _edge_killed(scene: Scene) -> Iterator[None]:
    scene.kill_containers(EDGE)
    yield


@kind("edge removed", serves=False)
def _edge_removed(scene: Scene) -> Iterator[None]:
    scene.docker("rm", "--force", EDGE)
    yield


@kind("edge paused for 3 s")
def _edge_paused(scene: Scene) -> Iterator[None]:
    if not scene.docker("ps", "-q", "--filter", f"name={EDGE}", "--filter", "status=running"):
        yield  # a first deploy hasn't made it yet
        return
    scene.docker("pause", EDGE)
    yield
    time.sleep(_MOMENT)
    scene.docker("unpause", EDGE)


@kind("docker system prune -af --volumes")
def _pruned(scene: Scene) -> Iterator[None]:
    scene.docker("system", "prune", "--all", "--force", "--volumes")
    yield


@kind("lock removed")
def _lock_removed(scene: Scene) -> Iterator[None]:
    for lock in locks(scene.wanted):
        scene.docker("rm", "--force", lock)
    yield


@kind("lock freed, and another deploy")
def _two_at_once(scene: Scene) -> Iterator[None]:
    for lock in locks(scene.wanted):
        scene.docker("rm", "--force", lock)
    color = {"COLOR": "another", "TMPDIR": str(scene.wanted.temporary)}
    other = scene.deployer.start(("deploy", "--env", scene.wanted.environment), color, asks=False)
    yield
    other.go()


@kind("registry unreachable for 3 s")
def _registry_gone(scene: Scene) -> Iterator[None]:
    rule = ["OUTPUT", "-p", "tcp", "--dport", "5000", "-j", "REJECT"]
    scene.wanted.host.run(["iptables", "-I", *rule])
    try:
        yield
        time.sleep(_MOMENT)
    finally:
        scene.wanted.host.run(["iptables", "-D", *rule])


@kind("live release killed", serves=False)
def _live_killed(scene: Scene) -> Iterator[None]:
    scene.kill_containers(*scene.containers(live=True))
    yield


@kind("new release killed")
def _new_killed(scene: Scene) -> Iterator[None]:
    if scene.before:  # a first deploy may have no edge yet to ask
        folder = f"/tagship/{scene.wanted.place}"
        live, canary = (scene.docker("exec", EDGE, "cat", f"{folder}/{file}").strip() for file in ("live", "canary"))
        scene.serves &= live == scene.before and canary == "off"
    scene.kill_containers(*scene.containers(live=False))
    yield
