"""A store of backups in memory."""

import contextlib
import io
from collections.abc import Iterator
from datetime import datetime

from tagship.backups.store import Protection, Source, Stored, safe
from tagship.errors import StoreError


class MemoryStore:
    """A Store in memory. `objects` is what it holds; `fails` maps a method's name to the error that it raises."""

    def __init__(self, url: str = "file:///memory") -> None:
        self.url = url
        self.objects: dict[str, bytes] = {}
        self.fails: dict[str, Exception] = {}

    def put(self, name: str, source: Source) -> None:
        """See Store."""
        self._fail("put")
        safe(name)
        data = b"".join(iter(lambda: source.read(1 << 20), b""))
        if name in self.objects:
            raise StoreError(f"The store can't store {name}: it exists already, and nothing is replaced.")
        self.objects[name] = data

    @contextlib.contextmanager
    def get(self, name: str) -> Iterator[Source]:
        """See Store."""
        self._fail("get")
        if name not in self.objects:
            raise StoreError(f"The store can't read {name}: it doesn't exist.")
        yield io.BytesIO(self.objects[name])

    def names(self, prefix: str) -> Iterator[Stored]:
        """See Store."""
        self._fail("names")
        return iter([Stored(name, len(data)) for name, data in sorted(self.objects.items()) if name.startswith(prefix)])

    def delete(self, name: str) -> None:
        """See Store."""
        self._fail("delete")
        self.objects.pop(name, None)

    def together(self) -> contextlib.AbstractContextManager[None]:
        """See Store."""
        return contextlib.nullcontext()

    def sweep(self, prefix: str, before: datetime) -> int:
        """See Store."""
        del prefix, before
        self._fail("sweep")
        return 0

    def protection(self, probe: str) -> Protection:
        """See Store."""
        del probe
        self._fail("protection")
        return Protection(hides=True, erases=True)

    def _fail(self, method: str) -> None:
        if method in self.fails:
            raise self.fails[method]
