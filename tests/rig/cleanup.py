"""Removes all that a rig started on this machine, however it ended, and lists what is left."""

import contextlib
from pathlib import Path

from tests.rig import network, processes
from tests.rig.folder import Folder
from tests.rig.packages import remove

CGROUP_ROOT = Path("/sys/fs/cgroup")


def down(folder: Folder) -> None:
    """Stop and remove everything but the cache. Harmless when nothing runs."""
    processes.end_owned(folder)
    network.Network(folder).down()
    for group in _cgroups(folder):
        with contextlib.suppress(FileNotFoundError):
            group.rmdir()
    remove(folder.run)


def leftovers(folder: Folder) -> list[str]:
    """What of the rig is still on this machine, one line each; empty when it is clean."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return [
        *(f"process {pid}: {processes.command(pid)}" for pid in processes.owned(folder)),
        *(f"interface {name}" for name in network.links()),
        *(f"firewall rule {rule}" for rule in network.Network(folder).rules()),
        *(f"cgroup {group}" for group in _cgroups(folder)),
        *(f"mount {line.split()[4]}" for line in mounts if str(folder.path) in line),
        *(f"file {path}" for path in [folder.run] if path.exists()),
    ]


def _cgroups(folder: Folder) -> list[Path]:
    """Deepest first, the order in which they can be removed."""
    tops = [CGROUP_ROOT / folder.cgroup, *CGROUP_ROOT.glob(f"*/{folder.cgroup}")]
    found = [path for top in tops for path in (top, *top.rglob("*")) if path.is_dir()]
    return sorted(found, key=lambda path: len(path.parts), reverse=True)
