"""Backups in a folder of this machine, such as a mounted disk or network share."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from tagship.backups.store import Protection, Source, Stored, safe
from tagship.errors import ConfigError, StoreError

PART = ".part-"
"""Begins the name of a file that is still written."""
_CHUNK = 1 << 20
_WITHOUT_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class Folder:
    """A Store in a folder, which has to exist: an unmounted disk must not be mistaken for an empty one."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        if parts.netloc or not parts.path or parts.query or parts.fragment:
            raise ConfigError(f"{url!r} has no absolute path.", hint="write file:///PATH")
        self._root = Path(unquote(parts.path))

    def put(self, name: str, source: Source) -> None:
        """See Store."""
        final = self._path(name)
        part = final.with_name(f"{PART}{secrets.token_hex(8)}")
        with self._explained(f"store {name}"):
            self._present()
            final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.touch(mode=0o600, exist_ok=False)
            out = part.open("wb", buffering=0)
        try:
            with out:
                self._copy(name, source, out)
            with self._explained(f"store {name}"):
                _name(part, final)
        finally:
            with contextlib.suppress(OSError):  # `sweep` finds it
                part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def get(self, name: str) -> Iterator[Source]:
        """See Store."""
        with self._explained(f"read {name}"):
            file = self._path(name).open("rb")
        with file:
            yield _Reading(self, name, file)

    def names(self, prefix: str) -> Iterator[Stored]:
        """See Store."""
        with self._explained("list its files"):
            self._present()
            found = sorted(self._files(prefix))
            for name in found:
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    yield Stored(name, (self._root / name).stat().st_size)

    def delete(self, name: str) -> None:
        """See Store. Folders that become empty go, too."""
        path = self._path(name)
        with self._explained(f"delete {name}"):
            self._present()
            path.unlink(missing_ok=True)
            for parent in path.relative_to(self._root).parents[:-1]:
                try:
                    (self._root / parent).rmdir()
                except OSError:  # not empty, or gone already
                    break

    def together(self) -> contextlib.AbstractContextManager[None]:
        """See Store."""
        return contextlib.nullcontext()

    def sweep(self, prefix: str, before: datetime) -> int:
        """See Store."""
        swept = 0
        with self._explained("remove leftovers"):
            for name in list(self._files(prefix, PART)):
                path = self._root / name
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        self.delete(name)
                        swept += 1
        return swept

    def protection(self, probe: str) -> Protection:
        """See Store. Whoever can write into a folder can delete there; this isn't tried."""
        del probe
        return Protection(hides=True, erases=True)

    def _copy(self, name: str, source: Source, out: BinaryIO) -> None:
        while data := source.read(_CHUNK):
            with self._explained(f"store {name}"):
                view = memoryview(data)
                while view:
                    view = view[out.write(view) :]
        with self._explained(f"store {name}"):
            os.fsync(out.fileno())

    def _files(self, prefix: str, beginning: str = "") -> Iterator[str]:
        """Names of files below a prefix: finished ones, or those whose file name has this beginning."""
        top = self._root / prefix.rpartition("/")[0]
        for folder, _, files in os.walk(top, onerror=_unless_missing):
            for file in files:
                name = Path(folder, file).relative_to(self._root).as_posix()
                wanted = file.startswith(beginning) if beginning else not file.startswith(PART)
                if wanted and name.startswith(prefix):
                    yield name

    def _present(self) -> None:
        if not self._root.is_dir():
            raise StoreError(f"The store's folder {self._root} doesn't exist.", hint="create it, or mount its disk")

    def _path(self, name: str) -> Path:
        return self._root / safe(name)

    @contextlib.contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Raise a StoreError for an OSError."""
        try:
            yield
        except FileExistsError:
            raise StoreError(f"The store can't {what}: it exists already, and nothing is replaced.") from None
        except FileNotFoundError:
            raise StoreError(f"The store can't {what}: it doesn't exist.") from None
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            hint = f"free space in {self._root}" if full else f"check who may write in {self._root}"
            raise StoreError(f"The store can't {what}: {os.strerror(error.errno or 0)}.", hint=hint) from None


class _Reading:
    """A file whose errors are the store's."""

    def __init__(self, store: Folder, name: str, file: BinaryIO) -> None:
        self._store, self._name, self._file = store, name, file

    def read(self, size: int = -1, /) -> bytes:
        with self._store._explained(f"read {self._name}"):  # noqa: SLF001 - a part of it
            return self._file.read(size)


def _name(part: Path, final: Path) -> None:
    """Give a written file its name, for good, unless the name is taken."""
    try:
        os.link(part, final)
    except OSError as error:
        if error.errno not in _WITHOUT_LINKS:
            raise
        # FAT and some shares have no links. Nobody else writes the same name at this moment: it holds a random number.
        if final.exists():
            raise FileExistsError(errno.EEXIST, "exists") from None
        shutil.move(part, final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
