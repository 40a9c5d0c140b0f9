"""A test server: sshd and a Docker engine on an address of its own."""

from collections.abc import Sequence
from pathlib import Path

from tests.rig import engine, keys
from tests.rig.folder import Folder
from tests.rig.machine import Machine
from tests.rig.network import Network, address
from tests.rig.packages import Packages

USER = "deploy"

SSHD = """\
ListenAddress {address}
HostKey /etc/ssh/rig_host_key
AuthorizedKeysFile /etc/ssh/authorized_keys
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


class Host:
    """Server number N of the rig, at 10.77.0.(10+N) in rig 0, with the engine version asked for."""

    def __init__(self, folder: Folder, number: int, version: str) -> None:
        self._folder = folder
        self.number = number
        self.name = f"host{number}"
        self.version = version
        self.address = address(10 + number)
        self.ssh_url = f"ssh://{USER}@{self.address}"
        self._store = engine.data(folder, self.name, version)
        self.machine = Machine(folder, self.name, binds={self._store: "/var/lib/docker"})
        self.engine = engine.Engine(self.machine)

    @property
    def socket(self) -> Path:
        """The engine's socket, for programs on this machine."""
        return self.engine.socket

    @property
    def known(self) -> str:
        """Its line in known_hosts."""
        return f"{self.address} {keys.public(self._folder, self.name)}"

    def start(self, network: Network, packages: Packages) -> None:
        """Boot it, then wait for its engine and its sshd."""
        self.machine.layers = engine.layers(self.version, packages)
        self.machine.prepare()
        self.engine.configure(self._store)
        self._configure_sshd()
        self.machine.boot()
        network.attach(self.machine, self.address)
        self.machine.run(["/usr/sbin/sshd"])
        self.engine.start()
        self.engine.reset()

    def run(self, argv: Sequence[str | Path], *, stdin: str | None = None) -> str:
        """Run a program on it as root and return what it printed."""
        return self.machine.run(argv, stdin=stdin)

    def docker(self, *words: str) -> str:
        """Run its docker client and return what it printed."""
        return self.run(["docker", *words])

    def _configure_sshd(self) -> None:
        write, name = self.machine.write, self.name
        write("etc/ssh/sshd_config", SSHD.format(address=self.address))
        write("etc/ssh/authorized_keys", f"{keys.public(self._folder, 'deployer')}\n")
        write("etc/ssh/rig_host_key", keys.key(self._folder, name).read_text(), 0o600)
