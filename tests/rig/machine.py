"""One machine of the rig: its own processes, mounts and (mostly) network on a shared Debian tree."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig import processes, shell
from tests.rig.errors import RigError
from tests.rig.folder import MARK, Folder
from tests.rig.packages import remove

BOOT = Path(__file__).with_name("boot.sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Machine:
    """Started by boot(); everything in it ends when its first process does."""

    folder: Folder
    name: str
    layers: tuple[Path, ...] = ()
    binds: Mapping[Path, str] = field(default_factory=dict)
    network: bool = True

    @property
    def run_folder(self) -> Path:
        """Seen as /rig inside."""
        return self.folder.run / self.name

    @property
    def etc(self) -> Path:
        """The files that this machine has over those of the shared tree."""
        return self.run_folder / "layer"

    @property
    def pid(self) -> int:
        """Its first process, as this machine numbers it."""
        return int((self.run_folder / "pid").read_text())

    def prepare(self) -> None:
        """Empty its run folder, so that files can be laid into its layer."""
        remove(self.run_folder)
        (self.run_folder / "point").mkdir(parents=True)
        self.write("etc/hostname", f"{self.name}\n")
        self.write("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")
        self.write("etc/resolv.conf", resolvers())

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Lay a file over the shared tree; only before boot()."""
        target = self.etc / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def boot(self) -> None:
        """Start its first process and wait until its file system is there."""
        spaces = ["--mount", "--pid", "--fork", "--uts", "--ipc", "--propagation=private"]
        lower = ":".join(map(str, (self.etc, *self.layers, self.folder.root)))
        binds = {self.run_folder: "/rig", **self.binds}
        argv = ["unshare", *spaces, *(["--net"] if self.network else []), "--kill-child",
                "sh", str(BOOT), str(self.run_folder / "point"), lower,
                *(f"{source}:{target}" for source, target in binds.items())]  # fmt: skip
        environment = {"PATH": PATH, MARK: str(self.folder.path)}
        log = self.run_folder / "boot.log"
        parent = shell.leave(argv, env=environment, log=log)
        self._wait_for_boot(parent, log)
        (self.run_folder / "pid").write_text(str(processes.children(parent)[0]))
        if self.network:
            self.run(["hostname", self.name])

    def _wait_for_boot(self, parent: int, log: Path) -> None:
        booted = self.run_folder / "booted"
        ended = Path(f"/proc/{parent}")
        shell.wait_for(lambda: booted.exists() or not ended.exists(), f"the boot of {self.name}", seconds=20)
        if not booted.exists():
            message = f"{self.name} didn't boot:\n{log.read_text()}"
            raise RigError(message)

    def alive(self) -> bool:
        """Whether it runs, and is ours."""
        try:
            return self.pid in processes.owned(self.folder)
        except FileNotFoundError:
            return False

    def command(self, argv: Sequence[str | Path]) -> list[str]:
        """Give the argv that runs argv inside, as root."""
        spaces = ["--mount", "--pid", "--uts", "--ipc", *(["--net"] if self.network else [])]
        return ["nsenter", f"--target={self.pid}", *spaces, "--root", "--",
                "env", "-i", "--chdir=/", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", *map(str, argv)]  # fmt: skip

    def run(self, argv: Sequence[str | Path], *, stdin: str | None = None) -> str:
        """Run a program inside, as root, and return what it printed."""
        return shell.run(self.command(argv), stdin=stdin)

    def spawn(self, name: str, argv: Sequence[str | Path]) -> None:
        """Leave a program running inside; it logs into the run folder."""
        # The shell ends at once, so that the program becomes a child of the machine's first one.
        script = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 &'
        self.run(["sh", "-c", script, "sh", f"/rig/{name}.log", *argv])


def resolvers() -> str:
    """Give this machine's name servers, but for a stub on loopback that no namespace can reach."""
    stub = Path("/run/systemd/resolve/resolv.conf")
    text = Path("/etc/resolv.conf").read_text()
    return stub.read_text() if "127.0.0.53" in text and stub.exists() else text


def home_binds() -> dict[Path, str]:
    """Give this machine's folders that hold files of people, not of its system."""
    system = {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "lost+found",
              "mnt", "proc", "rig", "run", "sbin", "sys", "usr", "var"}  # fmt: skip
    return {
        entry: str(entry)
        for entry in map(Path, sorted(os.scandir("/"), key=lambda entry: entry.name))
        if entry.is_dir() and not entry.is_symlink() and entry.name not in system
    }
