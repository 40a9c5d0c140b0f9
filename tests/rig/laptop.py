"""The deployer's machine: a Docker engine, its client, and an SSH identity of its own."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig import engine, keys
from tests.rig.folder import Folder
from tests.rig.machine import Machine, home_binds
from tests.rig.network import Network, address
from tests.rig.packages import Packages

ADDRESS = address(2)
PLUGINS = "usr/libexec/docker/cli-plugins"
# Personal configuration that builds and tests on this machine need, HOME being another here.
PERSONAL = (".npmrc", ".config/pip", ".gitconfig", ".pyenv", ".nvm")

SSH_CONFIG = """\
IdentityFile {key}
IdentitiesOnly yes
UserKnownHostsFile {home}/.ssh/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
"""
# OpenSSH finds its configuration by the account's home directory, whatever HOME says.
SSH_WRAPPER = '#!/bin/sh\nexec {program} -F "{home}/.ssh/config" "$@"\n'


class Laptop:
    """Sees this machine's files, but has a network and an engine of its own."""

    def __init__(self, folder: Folder, version: str) -> None:
        self._folder = folder
        self.version = version
        self.address = ADDRESS
        self._store = engine.data(folder, "laptop", version)
        binds = {self._store: "/var/lib/docker", **home_binds()}
        self.machine = Machine(folder, "laptop", binds=binds)
        self.engine = engine.Engine(self.machine)
        self.home = folder.run / "laptop" / "home"

    @property
    def socket(self) -> Path:
        """The engine's socket, for programs on this machine."""
        return self.engine.socket

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a program uses this engine, these tools and this identity."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.home / ".docker"),
        }

    def start(self, network: Network, packages: Packages, known: Sequence[str]) -> None:
        """Boot it and wait for its engine; known: the hosts' lines of known_hosts."""
        self.machine.layers = engine.layers(self.version, packages)
        self.machine.prepare()
        self.engine.configure(self._store)
        self._furnish(packages, known)
        self.machine.boot()
        network.attach(self.machine, self.address)
        self.engine.start()
        self.engine.reset()

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """The argv that runs argv in the laptop's network; give it `environment` too."""
        return ["nsenter", f"--net=/proc/{self.machine.pid}/ns/net", "--", *map(str, argv)]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        check: bool = True,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the laptop, output captured; env is added to `environment`."""
        return subprocess.run(
            self.command(argv), env={**self.environment, **(env or {})}, cwd=cwd, check=check,
            input=stdin, stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True, text=True,
        )  # fmt: skip

    def _furnish(self, packages: Packages, known: Sequence[str]) -> None:
        ssh = self.home / ".ssh"
        ssh.mkdir(parents=True, mode=0o700)
        key = keys.key(self._folder, "deployer")
        (ssh / "config").write_text(SSH_CONFIG.format(home=self.home, key=key))
        (ssh / "known_hosts").write_text("".join(f"{line}\n" for line in known))
        (ssh / "id").symlink_to(key)
        for name in PERSONAL:
            if (own := Path.home() / name).exists():
                (self.home / name).parent.mkdir(parents=True, exist_ok=True)
                (self.home / name).symlink_to(own)
        self._tools(packages)

    def _tools(self, packages: Packages) -> None:
        client = tools(packages)
        programs, plugins = self.home / "bin", self.home / ".docker/cli-plugins"
        for directory in (programs, plugins):
            directory.mkdir(parents=True)
        (programs / "docker").symlink_to(client / "usr/bin/docker")
        for plugin in (client / PLUGINS).iterdir():
            (plugins / plugin.name).symlink_to(plugin)
        for name in ("ssh", "scp", "sftp"):
            wrapper = programs / name
            wrapper.write_text(SSH_WRAPPER.format(program=f"/usr/bin/{name}", home=self.home))
            wrapper.chmod(0o755)


def tools(packages: Packages) -> Path:
    """Unpack the client and its plugins."""
    return packages.unpacked("client", "docker-cli", "docker-buildx", "docker-compose")
