"""A fake `ssh`: a script that the test writes."""

import sys
from pathlib import Path

from tagship.server.tunnel import Tunnel

_SERVER = """
import os, socket, sys, time
path = sys.argv[sys.argv.index("-L") + 1].partition(":")[0]
near = socket.socket(socket.AF_UNIX)
near.bind(path)
time.sleep(float(sys.argv[1]))
open(os.path.join(sys.argv[2], "pids"), "a").write(f"{os.getpid()}\\n")
near.listen()
while True:
    there, _ = near.accept()
    there.close()
"""


def connects(folder: Path, *, after: float = 0) -> str:
    """An ssh that listens some seconds after it created the socket's file."""
    (folder / "connects.py").write_text(_SERVER)
    return f'exec {sys.executable} {folder}/connects.py {after} {folder} "$@"'


class Machine:
    """A machine whose `ssh` is a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ssh(self, script: str) -> None:
        """Set what its ssh does after it has stored its arguments."""
        path = self.folder / "ssh"
        prompt = f'case " $* " in *" true ") printf \'%s\\n\' "$@" > {self.folder}/prompted; exit 0;; esac'
        keep = f"printf '%s\\n' \"$@\" > {self.folder}/argv; env > {self.folder}/env"
        new = path.with_name("ssh.new")
        new.write_text(f"#!/bin/sh\n{prompt}\n{keep}\n{script}\n")
        new.chmod(0o755)
        new.replace(path)  # at once: a shell may be reading the one before

    def told(self, engine: str, *, lends: bool = False) -> list[str]:
        """The argv of a connection that succeeds."""
        self.ssh(connects(self.folder))
        with Tunnel(engine, lends=lends) as tunnel:
            tunnel.wait()
        return (self.folder / "argv").read_text().splitlines()

    @property
    def prompted(self) -> list[str]:
        """The argv of the ssh that ran `true` on the server over a connection that stands; empty if none did."""
        path = self.folder / "prompted"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def process(self) -> int:
        """The last ssh that connected."""
        return int((self.folder / "pids").read_text().splitlines()[-1])

    @property
    def leftovers(self) -> list[str]:
        """The files that connections left in the temporary folder."""
        return [path.name for path in self.folder.glob("tagship-*")]
