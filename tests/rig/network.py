"""The bridge that joins the rig's machines, and the few firewall rules that let them out."""

import contextlib
import os
import shutil
from pathlib import Path

from tests.rig import shell
from tests.rig.errors import RigError
from tests.rig.folder import BESIDE, Folder
from tests.rig.machine import Machine

NUMBER = int(os.environ.get("TAGSHIP_RIG_NUMBER", "0")) + 10 * BESIDE
"""Which of several rigs on one machine, 0 to 255: each has addresses and interfaces of its own."""
BRIDGE = f"tagship{NUMBER}"
LINK = f"ts{NUMBER or ''}-"
"""What the names of the machines' interfaces begin with."""
GATEWAY = f"10.77.{NUMBER}.1"
SUBNET = f"10.77.{NUMBER}.0/24"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")

RULES = (
    ("filter", "FORWARD", "-i", BRIDGE, "-j", "ACCEPT"),
    ("filter", "FORWARD", "-o", BRIDGE, "-j", "ACCEPT"),
    ("nat", "POSTROUTING", "-s", SUBNET, "!", "-d", SUBNET, "-j", "MASQUERADE"),
)


def address(last: int) -> str:
    """An address on the bridge, by its last number."""
    return f"10.77.{NUMBER}.{last}"


class Network:
    """Made by up(), removed exactly by down(), whoever made it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._note = folder.run / "ip_forward"

    def up(self) -> None:
        """Make the bridge and open it to the world outside."""
        self._ip("link", "add", BRIDGE, "mtu", str(mtu()), "type", "bridge")
        self._ip("addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        self._ip("link", "set", BRIDGE, "up")
        self._note.write_text(FORWARDING.read_text())
        FORWARDING.write_text("1")
        for table, chain, *rule in RULES:
            self._iptables("-t", table, "-I", chain, *rule)

    def attach(self, machine: Machine, address: str) -> None:
        """Give a machine its address on the bridge."""
        outside = f"{LINK}{machine.name}"[:15]
        # Of the address, so that a machine started anew is found by those that spoke to the former one.
        hardware = "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))
        self._ip("link", "add", outside, "mtu", str(mtu()), "type", "veth", "peer", "name", "eth0",
                 "address", hardware, "mtu", str(mtu()), "netns", str(machine.pid))  # fmt: skip
        self._ip("link", "set", outside, "master", BRIDGE, "up")
        batch = f"link set lo up\naddr add {address}/24 dev eth0\nlink set eth0 up\n"
        machine.run(["ip", "-batch", "-"], stdin=f"{batch}route add default via {GATEWAY}\n")

    def down(self) -> None:
        """Remove bridge and rules, and put forwarding back as it was."""
        if not self._folder.root.exists():
            return
        for table, chain, *rule in RULES:
            while self._has(table, chain, *rule):
                self._iptables("-t", table, "-D", chain, *rule)
        if self.exists():
            self._ip("link", "del", BRIDGE)
        for link in links():  # connections that are still being closed would keep them for up to half a minute
            with contextlib.suppress(RigError):  # it may be going at this moment
                self._ip("link", "del", link)
        shell.wait_for(lambda: not links(), "the end of the rig's interfaces", seconds=60)
        with contextlib.suppress(FileNotFoundError):
            if not list(Path("/sys/class/net").glob("tagship[0-9]*")):  # another rig still forwards
                FORWARDING.write_text(self._note.read_text())
            self._note.unlink()

    def exists(self) -> bool:
        """Whether the bridge is there."""
        return Path(f"/sys/class/net/{BRIDGE}").exists()

    def rules(self) -> list[str]:
        """The firewall rules of ours that are there."""
        if not self._folder.root.exists():
            return []
        return [" ".join(rule) for rule in RULES if self._has(*rule)]

    def _has(self, table: str, chain: str, *rule: str) -> bool:
        return shell.succeeds([*self._program("iptables"), "-w", "-t", table, "-C", chain, *rule])

    def _ip(self, *words: str) -> None:
        shell.run([*self._program("ip"), *words])

    def _iptables(self, *words: str) -> None:
        shell.run([*self._program("iptables"), "-w", *words])

    def _program(self, name: str) -> list[str]:
        """This machine's own program where it has one, for its firewall may be of the other kind."""
        own = shutil.which(name)
        return [own] if own else ["chroot", str(self._folder.root), name]


def links() -> list[str]:
    """The rig's interfaces in this machine's own network."""
    names = (path.name for path in Path("/sys/class/net").iterdir())
    return sorted(name for name in names if name == BRIDGE or name.startswith(LINK))


def mtu() -> int:
    """That of the way out: a larger one would lose the packets that don't fit."""
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        interface, destination, *_ = line.split()
        if destination == "00000000":
            return int(Path(f"/sys/class/net/{interface}/mtu").read_text())
    message = "This machine has no default route: the rig can't fetch its packages."
    raise RigError(message)
