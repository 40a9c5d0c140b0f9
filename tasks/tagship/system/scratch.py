"""Temporary folders that are removed after use, or by the next run if this run is killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from tagship.system.signals import deferred

PREFIX = "tagship-run-"
_LOCK, UNLOCKED = ".lock", ".new"
"""The lock file, and its name until its run has locked it."""
_TRIES = 3
_OLD = 60.0
"""Seconds after which a folder without a lock isn't one that its run is just making."""


class Scratch:
    """A private folder with a lock file. The kernel releases the lock when this process ends."""

    def __init__(self) -> None:
        self._lock: TextIO | None = None
        with contextlib.ExitStack() as failed, deferred():  # a signal in its middle would leave an unknown folder
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            failed.push(lambda kind, *_: self.remove() if kind else None)
            # locked before it is renamed: a lock file without a lock belongs to a dead run
            self._lock = (self.path / UNLOCKED).open("w")
            with contextlib.suppress(OSError):  # a file system without locks; leftovers stay there
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                (self.path / UNLOCKED).rename(self.path / _LOCK)

    def remove(self) -> None:
        """Remove the folder and its content."""
        with deferred():
            for _ in range(_TRIES):  # a program that is ending may have made a file meanwhile
                shutil.rmtree(self.path, ignore_errors=True)
                if not self.path.exists():
                    break
            if self._lock:
                self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """An empty folder for the duration of the block."""
    with Scratch() as scratch:
        empty = scratch.path / "files"
        empty.mkdir()
        yield empty


def sweep() -> None:
    """Remove what killed runs of this user left on this machine; leave the folders of live runs alone."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, locked by its run, or already removed
            if path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            unfinished = not (path / _LOCK).exists()
            if unfinished and time.time() - path.stat().st_mtime <= _OLD:
                continue
            if unfinished and not any(path.iterdir()):
                path.rmdir()
                continue
            with (path / (UNLOCKED if unfinished else _LOCK)).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
