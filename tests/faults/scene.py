"""A command that waits at one of its points, and what faults do to its server there."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.invariants import EDGE, Wanted, locks
from tests.faults.points import Deployer, Point, Running
from tests.rig import RigError

LOCK, LIVE, NEW = "the lock", "a container of the live release", "a container of another release"
"""What a fault may need, besides the edge."""


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
    problems: list[str] = field(default_factory=list)
    """What a fault found out of order itself."""
    did: bool = True
    """Whether there was something to do it to."""

    def docker(self, *words: str) -> str:
        """Run docker on the server."""
        return self.wanted.host.docker(*words)

    def kill_containers(self, *ids: str) -> None:
        """SIGKILL their first processes, as the kernel does when memory runs out: their restart policies hold."""
        self.did = False
        for each in ids:
            with contextlib.suppress(RigError):  # it has just ended
                process = self.docker("inspect", "-f", "{{.State.Pid}}", each).strip()
                if process != "0":  # it doesn't run; for `kill`, 0 would be our own process group
                    self.wanted.host.run(["kill", "-KILL", process])
                    self.did = True

    def reached(self) -> bool:
        """Whether requests reach the edge, if there is one."""
        if not self.docker("ps", "--all", "--quiet", "--filter", f"name=^{EDGE}$"):
            return True
        try:
            socket.create_connection((self.wanted.host.address, 80), 2).close()
        except OSError:
            return False
        return True

    def remove_lock(self) -> None:
        """Remove the lock, as `docker rm -f` does."""
        found = locks(self.wanted)
        for lock in found:
            self.docker("rm", "--force", lock)
        self.did = bool(found)

    def facts(self) -> frozenset[str]:
        """What there is at this point that a fault may need."""
        shown = (
            '{{.State}}\t{{.Names}}\t{{.Label "tagship.lock"}}\t{{.Label "tagship.app"}}\t{{.Label "tagship.release"}}'
        )
        return frozenset(self._facts(self.docker("ps", "-a", "--format", shown).splitlines()))

    def _facts(self, rows: list[str]) -> Iterator[str]:
        for state, name, lock, app, release in (row.split("\t") for row in rows):
            if lock == self.wanted.place:
                yield LOCK
            if state != "running":
                continue
            if name == EDGE:
                yield EDGE
            if release and app == self.wanted.app.name:
                yield LIVE if release == self.before else NEW

    def containers(self, *, live: bool) -> list[str]:
        """The running containers of the release that was live, or of all others of the application."""
        name = '{{.ID}} {{.Label "tagship.release"}}'
        ours = ("--filter", f"label=tagship.app={self.wanted.app.name}", "--filter", "label=tagship.release")
        rows = self.docker("ps", "--format", name, *ours).splitlines()
        return [row.split()[0] for row in rows if (row.split()[-1] == self.before) == live]
