"""Lets one process at a time use or change the rig; the others wait and say for whom."""

import fcntl
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.network import BRIDGE

LOCK = Path(f"/run/{BRIDGE}.lock")
"""One for each set of addresses on this machine, whatever the folder."""


@contextmanager
def held() -> Iterator[None]:
    """Hold the rig's lock; the kernel frees it when the holder dies, however it dies."""
    with LOCK.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(f"waiting for the rig, held by {file.read().strip()}", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"process {os.getpid()} ({_command()})\n")
        file.flush()
        yield


def _command() -> str:
    words = Path("/proc/self/cmdline").read_bytes().decode(errors="replace").split("\0")
    return shlex.join(words).strip(" '")[:200]
