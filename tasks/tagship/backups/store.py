"""What every store of backups can do. `backups/stores/` has them, and says which one a URL means."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from tagship.errors import StoreError


class ReadDeniedError(StoreError):
    """The identity may write to the store, but not read from it."""


class Source(Protocol):
    """A stream of bytes to read."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes; none at the end."""


@dataclass(frozen=True)
class Stored:
    """An object in a store."""

    name: str
    """Its path below the store's URL, with `/`: APP-ENV/BACKUP/FILE."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Protection:
    """What became of an object that we tried to overwrite and to delete."""

    hides: bool
    """Whether this identity can make its content disappear from the list, by a delete or by writing over it."""
    erases: bool
    """Whether nothing brings the content back then: there is no old version, or it can be deleted, too."""
    notes: tuple[str, ...] = ()
    """What else is known: versioning, Object Lock, server-side encryption."""


class Store(Protocol):
    """Keeps objects by name. Every method raises StoreError when the store refuses or can't be reached."""

    url: str
    """As tagship.yml has it; it contains no password."""

    def put(self, name: str, source: Source) -> None:
        """Store a stream of unknown length, whole or not at all, in constant memory.

        An existing object is never replaced: raises StoreError. An error that `source.read` raises leaves no object and
        passes through.
        """

    def get(self, name: str) -> AbstractContextManager[Source]:
        """An object's bytes, as a stream. Raises StoreError if it is missing, ReadDeniedError if that is forbidden."""

    def names(self, prefix: str) -> Iterator[Stored]:
        """The objects whose names begin with a prefix, in the order of their names. Unfinished ones are left out."""

    def delete(self, name: str) -> None:
        """Remove an object. Does nothing if it doesn't exist."""

    def together(self) -> AbstractContextManager[None]:
        """Calls in here share a connection, where the store has one of its own for each."""

    def sweep(self, prefix: str, before: datetime) -> int:
        """Remove what killed uploads below a prefix left behind before a time. Returns how many there were."""

    def protection(self, probe: str) -> Protection:
        """Try to overwrite and delete an object with this name, which doesn't exist yet, and remove it if possible."""


def safe(name: str) -> str:
    """An object's name. Raises StoreError if it would lead out of the store."""
    if not all(name.split("/")) or {".", ".."} & set(name.split("/")) or "\n" in name:
        raise StoreError(f"{name!r} is no name for an object.")
    return name
