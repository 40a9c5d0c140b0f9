"""Finds and ends the processes that bear the rig's mark in their environment, and no others."""

import contextlib
import os
import signal
from pathlib import Path

from tests.rig import shell
from tests.rig.folder import MARK, Folder


def owned(folder: Folder) -> list[int]:
    """Living processes that this rig started."""
    mark = f"{MARK}={folder.path}".encode()
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _bears(entry, mark)]


def children(pid: int) -> list[int]:
    """The processes that a process started and that still live."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    """Its command line, or nothing when it is gone."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        return text.replace("\0", " ").strip()
    return ""


def end_owned(folder: Folder) -> None:
    """Kill every owned process; what runs in their namespaces dies with them."""
    for pid in owned(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shell.wait_for(lambda: not owned(folder), "the end of the rig's processes", seconds=20)


def _bears(process: Path, mark: bytes) -> bool:
    try:
        # The environment of a zombie reads as empty, so the dead don't count.
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
