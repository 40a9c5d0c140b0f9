"""Temporary folders of our own: removed when done with, and by the next run on this machine where a run was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "tagship-run-"
_LOCK, _UNLOCKED = ".lock", ".new"


class Scratch:
    """A private folder that counts as alive while this process is: the kernel drops its lock with the process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        # locked before it has its name: whoever sees a lock file without its lock sees a dead run's
        self._lock = (self.path / _UNLOCKED).open("w")
        with contextlib.suppress(OSError):  # a file system without locks: nobody removes what is left there
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            (self.path / _UNLOCKED).rename(self.path / _LOCK)

    def remove(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """An empty folder while the block runs."""
    with Scratch() as scratch:
        empty = scratch.path / "files"
        empty.mkdir()
        yield empty


def sweep() -> None:
    """Remove what killed runs of this user left on this machine; those of runs that live are left alone."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, locked by its run, or gone meanwhile
            if path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            with (path / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
