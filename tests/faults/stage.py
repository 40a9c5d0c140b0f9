"""What the special faults do to a site: to its application, its server and its deployer. All of it is undone."""

import contextlib
import copy
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tagship.edge.caddy import NETWORK
from tests.faults.invariants import EDGE, eventually
from tests.faults.points import Ended, Point
from tests.faults.scene import Scene
from tests.faults.site import Site
from tests.rig import RigError

SMALL = "3g"
"""The size of a small disk, on which the images of the edge, the database and a few releases fit."""
_DATA = "/var/lib/docker"
_GARBAGE = r"""use IO::Socket::INET;
my $on = IO::Socket::INET->new(LocalPort => 5999, Listen => 9, ReuseAddr => 1) or die;
while (my $client = $on->accept) {
    sysread $client, my $asked, 9999;
    print $client "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n<garbage>";
    close $client;
}"""

_CLOCK = Path(__file__).with_name("clock.c")


class Stage:
    """A site for one case. What the case changes in the application is as before afterwards."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.problems: list[str] = []
        self._changed = False
        self._kept = copy.deepcopy((site.app.compose, site.app.settings))
        self._files = {path: path.read_bytes() for path in site.app.folder.iterdir() if path.is_file()}

    @property
    def compose(self) -> dict[str, Any]:
        """The Compose file."""
        return self.site.app.compose

    @property
    def settings(self) -> dict[str, Any]:
        """tagship.yml."""
        return self.site.app.settings

    @property
    def web(self) -> dict[str, Any]:
        """The service."""
        return self.compose["services"]["web"]  # type: ignore[no-any-return]

    @property
    def release(self) -> dict[str, Any]:
        """How it is released."""
        return self.settings["release"]  # type: ignore[no-any-return]

    @property
    def ours(self) -> str:
        """A filter for the application's containers."""
        return f"label=tagship.app={self.site.app.name}"

    def restore(self) -> None:
        """Give the application back what it had; in a new commit, if the case committed anything else."""
        app = self.site.app
        app.compose, app.settings = self._kept
        app.git("checkout", "--quiet", ".")
        if self._changed:
            for path, content in self._files.items():
                path.write_bytes(content)
            self.site.commit()

    def commit(self, **replacements: str) -> str:
        """A new commit of what the case changed; the wanted one, until `restore`."""
        self._changed = True
        self.site.commit(**replacements)
        return self.site.sha

    def built(self) -> str:
        """A new commit whose images are in the registry."""
        self.site.commit()
        for task in ("build", "push"):
            done = self.site.app.run(task)
            assert done.returncode == 0, done.stderr
        return self.site.sha

    def read(self, name: str) -> str:
        """A file of the application."""
        return (self.site.app.folder / name).read_text()

    def write(self, name: str, text: str) -> None:
        """Replace it."""
        (self.site.app.folder / name).write_text(text)

    def append(self, name: str, text: str) -> None:
        """Add to it."""
        self.site.app.append(name, text)

    def run(self, *words: str) -> Ended:
        """Run a command to its end."""
        return self.site.run(*words)

    def at(self, point: Point, deed: Callable[[Scene], object]) -> Ended:
        """Ship, and do something at a point while the command waits there."""
        running = self.site.start("ship", asks=True)
        scene = Scene(running, self.site.deployer, self.site.wanted, self.site.live(), point=point)

        def fault() -> Iterator[None]:
            deed(scene)
            yield

        return self.came(running.go(point, fault), point)

    def came(self, ended: Ended, point: Point) -> Ended:
        """The same; a problem if it never came to the point."""
        if point not in ended.points:
            self.problems.append(f"it never came to {point}")
        return ended

    def beside(self, deed: Callable[[], bool], *words: str) -> Ended:
        """Run a command, and do something as soon as that is possible."""
        running = self.site.start(*words)
        if not eventually(deed, 60):
            self.problems.append("there was nothing to do it to")
        return running.go()

    def both(self, first: tuple[str, ...], second: tuple[str, ...]) -> Ended:
        """Run two commands at once. The answer is the first's; the second has to end well, too."""
        running = [self.site.start(*first), self.site.start(*second)]
        one, other = running[0].go(), running[1].go()
        if other.code:
            self.problems.append(f"the other one ended with {other.code}:\n{other.err}")
        return one

    def kill_running(self, words: str) -> bool:
        """SIGKILL to the server's processes with that command line. Returns whether there was one."""
        found = self.site.host.run(["sh", "-c", f"pgrep -fx '{words}' || true"]).split()
        if found:
            self.site.host.run(["sh", "-c", f"kill -KILL {' '.join(found)} || true"])
        return bool(found)

    def in_edge(self, script: str) -> None:
        """Run a script in the environment's folder in the edge."""
        self.site.host.docker("exec", "-w", f"/tagship/{self.site.wanted.place}", EDGE, "sh", "-c", script)

    def expect_answers(self, path: str, words: str, times: int) -> None:
        """Ask so often whether those words are in the answer."""
        app, host = self.site.app, self.site.host
        url = app.settings["environments"][self.site.environment]["url"]
        asked = ["curl", "-sk", "--max-time", "15", "--connect-to", f"::{host.address}:", f"{url}{path}"]
        bodies = [app.rig.laptop.run(asked, check=False).stdout for _ in range(times)]
        wrong = [body for body in bodies if words not in body]
        if wrong:
            self.problems.append(f"{path} answered {len(wrong)} times without {words!r}, such as {wrong[0][:100]!r}")

    def swap_addresses(self, one: str, other: str) -> None:
        """Kill the containers of two services, and start each with the other's address in the edge's network."""
        docker = self.site.host.docker
        found = {}
        for service in (one, other):
            label = f"label=com.docker.compose.service={service}"
            (each,) = docker("ps", "-q", "--filter", self.ours, "--filter", label).split()
            found[each] = json.loads(docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", each))[NETWORK]
        docker("kill", *found)
        for each in found:
            docker("network", "disconnect", NETWORK, each)
        for each, there in zip(found, reversed(found.values()), strict=True):
            docker("network", "connect", "--ip", there["IPAddress"], NETWORK, each)
        docker("start", *found)
        time.sleep(2)

    @contextlib.contextmanager
    def rule(self, chain: str, *words: str, table: str = "filter", then: tuple[str, ...] = ("DROP",)) -> Iterator[None]:
        """A rule of the server's firewall."""
        rule = [chain, "-p", "tcp", *words, "-j", *then]
        self.site.host.run(["iptables", "-t", table, "-I", *rule])
        try:
            yield
        finally:
            self.site.host.run(["iptables", "-t", table, "-D", *rule])

    @contextlib.contextmanager
    def garbage(self, port: int) -> Iterator[None]:
        """What answers garbage instead of the registry, as the server sees it."""
        self.site.host.machine.spawn("garbage", ["timeout", "120", "perl", "-e", _GARBAGE])
        with self.rule("OUTPUT", "--dport", str(port), table="nat", then=("REDIRECT", "--to-ports", "5999")):
            yield

    def with_clock(self, seconds: str, *words: str, kill_when: Callable[[], bool] | None = None) -> Ended:
        """Run the console command, and all that it starts, with another time; SIGKILL it when something is so."""
        site = self.site
        faked = {"LD_PRELOAD": str(_other_clock(site.app.folder.parent)), "SECONDS_FAST": seconds}
        env = {"COLOR": f"color{site.color}", "TMPDIR": str(site.temporary), **faked}
        process = site.app.start(*words, "--env", site.environment, env=env)
        if kill_when and eventually(kill_when, 60):
            process.kill()
        out, err = process.communicate(timeout=300)
        return Ended(process.returncode, out, err, 0.0)

    @contextlib.contextmanager
    def full_here(self) -> Iterator[None]:
        """A deployer's folder for temporary files without room."""
        folder = self.site.temporary
        subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=True)
        try:
            _fill(folder / "filler")
            yield
        finally:
            subprocess.run(["/usr/bin/umount", "--lazy", folder], check=True)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Fill it."""
        host = self.site.host
        host.run(["sh", "-c", f"cat /dev/zero > {_DATA}/filler 2>/dev/null || true"])
        try:
            yield
        finally:
            host.run(["rm", f"{_DATA}/filler"])


def _other_clock(folder: Path) -> Path:
    """A library that changes the time of day of the programs it is loaded into, and no other clock."""
    library = folder / "clock.so"
    if not library.exists():
        subprocess.run(["/usr/bin/cc", "-shared", "-fPIC", "-o", library, _CLOCK, "-ldl"], check=True)
    return library


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@contextlib.contextmanager
def small_disk(site: Site) -> Iterator[None]:
    """The site on an engine whose data are on a small, empty disk."""
    host = site.host
    _empty(site)  # its networks, too, or their bridges would stay without an engine that knows them
    host.engine.stop()
    host.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", _DATA])
    host.engine.start()
    try:
        site.sha = ""
        site.settle()
        yield
    finally:
        _empty(site)
        host.engine.stop()
        host.run(["umount", "--lazy", _DATA])
        host.engine.start()
        host.engine.reset()


def _empty(site: Site) -> None:
    """Remove all of it; a busy engine refuses to remove a network whose containers it has just removed."""
    for _ in range(3):
        with contextlib.suppress(RigError):
            site.empty()
            return
        time.sleep(2)
    site.empty()
