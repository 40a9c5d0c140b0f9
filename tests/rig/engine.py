"""A Docker engine in a machine of the rig, old or new, with a socket that this machine reaches."""

import contextlib
import functools
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.rig import shell
from tests.rig.errors import RigError
from tests.rig.folder import Folder
from tests.rig.machine import Machine
from tests.rig.network import GATEWAY, mtu
from tests.rig.packages import Packages
from tests.rig.shell import together

OLD, NEW = "20.10", "28"
VERSIONS = (OLD, NEW)
DEFAULTS = ("bridge", "host", "none")
REGISTRIES = (f"{GATEWAY}:5000", f"{GATEWAY}:5001")


def layers(version: str, packages: Packages) -> tuple[Path, ...]:
    """Give what lies over the shared tree, which holds the old engine already."""
    if version not in VERSIONS:
        message = f"The rig has no engine {version}: take one of {', '.join(VERSIONS)}."
        raise RigError(message)
    if version == OLD:
        return ()
    return (packages.unpacked("engine-28", "docker.io", "containerd", "docker-cli"),)


def data(folder: Folder, name: str, version: str) -> Path:
    """Make the folder where an engine keeps images from one start of the rig to the next."""
    path = folder.cache / "engines" / f"{name}-{version}"
    path.mkdir(parents=True, exist_ok=True)
    return path


_DAEMONS = "^(dockerd|containerd)$"
_ALL_DAEMONS = "^(dockerd|containerd|containerd-shim|docker-proxy|runc)$"
"""With what watches, starts and forwards to each container; a process's name has 15 characters."""
_KILL_CONTAINERS = """own=$(readlink /proc/self/ns/pid)
for each in /proc/[0-9]*; do
    there=$(readlink "$each/ns/pid") && [ "$there" != "$own" ] && kill -KILL "${each#/proc/}"
done; true"""
"""Those that are just starting, too, which the engine doesn't list yet: one that lived on would keep its address."""
_FORGET = """awk '$2 ~ "^/(run/(docker|containerd)|var/lib/docker)/" { print $2 }' /proc/mounts | xargs -r umount --lazy
rm -rf /run/docker.pid /run/docker /run/containerd
ip -o link show type veth | sed -n 's/^[0-9]*: \\(veth[^@:]*\\)[@:].*/\\1/p' | xargs -r -n 1 ip link delete 2>/dev/null
true"""
"""What no boot leaves behind: mounts, files in /run, and the containers' links.

A connection that is being closed keeps its network namespace for up to half a minute, as only this kernel does, which
never went down: a container's next life would share its address with that, and requests would be refused.
"""


_SETTINGS = "/etc/docker/daemon.json"


class Engine:
    """The engine of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.socket = machine.run_folder / "docker.sock"

    def configure(self, store: Path) -> None:
        """Lay its configuration, before the machine boots; store: what it kept from earlier runs."""
        forget_restarts(store)
        settings = {
            "hosts": ["unix:///var/run/docker.sock", "unix:///rig/docker.sock"],
            "insecure-registries": list(REGISTRIES),
            "cgroup-parent": f"/{self._machine.folder.cgroup}/{self._machine.name}",
            "mtu": mtu(),
        }
        self._machine.write("etc/docker/daemon.json", json.dumps(settings, indent=2))

    @contextlib.contextmanager
    def containerd_store(self) -> Iterator[None]:
        """Keep images in containerd's store meanwhile, which has attestations and exports caches."""
        before = self._machine.run(["cat", _SETTINGS])
        self._restart(json.dumps({**json.loads(before), "features": {"containerd-snapshotter": True}}))
        try:
            yield
        finally:
            self._restart(before)

    def _restart(self, settings: str) -> None:
        self.stop()
        self._machine.run(["tee", _SETTINGS], stdin=settings)
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._machine.spawn("dockerd", ["dockerd"])
        shell.wait_for(self.answers, f"the engine of {self._machine.name}", seconds=30)

    def stop(self) -> None:
        """Stop the engine only; with containers running, as on a server, they stop too."""
        self._machine.run(["pkill", "-x", "dockerd"])
        alive = self._machine.command(["pgrep", "-x", "dockerd"])
        shell.wait_for(lambda: not shell.succeeds(alive), "the engine's stop", seconds=30)

    def kill(self) -> None:
        """End its daemons by SIGKILL; its containers run on, orphans, until `start`."""
        self._machine.run(["pkill", "-KILL", _DAEMONS])  # its containerd may end with it, before its own turn
        alive = self._machine.command(["pgrep", _DAEMONS])
        shell.wait_for(lambda: not shell.succeeds(alive), "the engine's end", seconds=30)

    def cut_power(self) -> None:
        """Kill it and every container at once, like a power cut; `start` boots it again."""
        self._machine.run(["sh", "-c", f"pkill -KILL '{_ALL_DAEMONS}'; true"])
        self._machine.run(["sh", "-c", _KILL_CONTAINERS])
        alive = self._machine.command(["pgrep", _ALL_DAEMONS])
        shell.wait_for(lambda: not shell.succeeds(alive), "the engine's end", seconds=30)
        self._machine.run(["sh", "-c", _FORGET])

    def answers(self) -> bool:
        """Whether it takes calls."""
        try:
            self.call("GET", "/_ping")
        except OSError:
            return False
        return True

    def call(self, method: str, path: str) -> str:
        """Make one call of the engine's API and return the reply's text."""
        connection = _Connection(str(self.socket))
        try:
            connection.request(method, path, headers={"Host": "docker"})
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        if reply.status >= 400:
            message = f"{self._machine.name}: {method} {path}: {reply.status} {text.strip()}"
            raise RigError(message)
        return text

    def has(self, image: str) -> bool:
        """Whether it holds an image of that name."""
        try:
            self.call("GET", f"/images/{image}/json")
        except RigError:
            return False
        return True

    def reset(self, *, images: bool = False) -> None:
        """Remove all containers, volumes and networks, and images if told to."""
        with contextlib.suppress(RigError):  # most are in no swarm
            self.call("POST", "/swarm/leave?force=1")
        remove = functools.partial(functools.partial, self._delete)
        containers = json.loads(self.call("GET", "/containers/json?all=1"))
        together(*(remove(f"/containers/{container['Id']}?force=1&v=1") for container in containers))
        volumes = json.loads(self.call("GET", "/volumes"))["Volumes"] or ()
        networks = json.loads(self.call("GET", "/networks"))
        together(
            *(remove(f"/volumes/{volume['Name']}?force=1") for volume in volumes),
            *(remove(f"/networks/{network['Id']}") for network in networks if network["Name"] not in DEFAULTS),
        )
        if images:
            self.call("POST", '/images/prune?filters={"dangling":["false"]}')

    def _delete(self, path: str) -> None:
        """Remove something; after a power cut, an engine may list what it no longer has."""
        try:
            self.call("DELETE", path)
        except RigError as error:
            if f"{path}: 404" not in str(error):
                raise


def forget_restarts(store: Path) -> None:
    """Keep a stopped engine from starting its former containers again."""
    for path in store.glob("containers/*/hostconfig.json"):
        settings = json.loads(path.read_text())
        path.write_text(json.dumps({**settings, "RestartPolicy": {"Name": "no"}}))


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
