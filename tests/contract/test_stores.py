"""What every store of backups does: the one in memory, a folder, a server over SSH, and S3."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest

from tagship.backups.store import Store, Stored
from tagship.errors import StoreError

NAME = "shop-production/20261127T031700Z-aaaaaa/db.age"


class Torn(io.BytesIO):
    """A stream that ends with an error, as when the database goes away in the middle of a dump."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self._error = error

    def read(self, size: int | None = -1, /) -> bytes:
        """What is left of it, then the error."""
        data = super().read(size)
        if not data:
            raise self._error
        return data


class Endless:
    """So many pseudorandom bytes, made as they are read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes."""
        size = min(size if size >= 0 else self.left, self.left, 100_003)
        self.left -= size
        data = (b"%d." % self.left * (size // 2 + 1))[:size]
        self.hash.update(data)
        return data


def content(store: Store, name: str) -> bytes:
    """All of an object."""
    with store.get(name) as source:
        return b"".join(iter(lambda: source.read(1 << 16), b""))


def test_gives_back_what_was_put_and_lists_it(store: Store) -> None:
    store.put(NAME, io.BytesIO(b"data"))

    assert content(store, NAME) == b"data"
    assert list(store.names("shop-production/")) == [Stored(NAME, 4)]


def test_takes_an_empty_object(store: Store) -> None:
    store.put(NAME, io.BytesIO(b""))

    assert content(store, NAME) == b""
    assert list(store.names("")) == [Stored(NAME, 0)]


def test_takes_a_stream_of_many_parts(store: Store) -> None:
    source = Endless(21_000_000)

    store.put(NAME, source)

    assert hashlib.sha256(content(store, NAME)).digest() == source.hash.digest()
    assert list(store.names(NAME)) == [Stored(NAME, 21_000_000)]


def test_never_replaces_an_object(store: Store) -> None:
    store.put(NAME, io.BytesIO(b"first"))

    with pytest.raises(StoreError, match="exists already"):
        store.put(NAME, io.BytesIO(b"second"))
    with pytest.raises(StoreError, match="exists already"):
        store.put(NAME, Endless(10_000_000))

    assert content(store, NAME) == b"first"


@pytest.mark.parametrize("size", [10, 10_000_000], ids=["short", "long"])
def test_keeps_nothing_of_a_stream_that_fails(store: Store, size: int) -> None:
    error = OSError("the database is gone")

    with pytest.raises(OSError, match="the database is gone") as caught:
        store.put(NAME, Torn(b"x" * size, error))

    assert caught.value is error
    assert list(store.names("")) == []
    assert store.sweep("", datetime.now(UTC) + timedelta(hours=1)) == 0


def test_lists_by_prefix_in_order_of_names(store: Store) -> None:
    names = ["shop-a/2/x", "shop-a/1/manifest.json", "shop-a/1/db.age", "shop-ab/1/x", "other/1/x"]
    for name in names:
        store.put(name, io.BytesIO(b"."))

    assert [each.name for each in store.names("shop-a/")] == ["shop-a/1/db.age", "shop-a/1/manifest.json", "shop-a/2/x"]
    assert [each.name for each in store.names("shop-a")][-1] == "shop-ab/1/x"
    assert list(store.names("shop-a/3/")) == []
    assert list(store.names("nothing/")) == []


def test_deletes_an_object_and_doesnt_mind_if_it_is_gone(store: Store) -> None:
    store.put("shop-a/1/x", io.BytesIO(b"."))
    store.put("shop-a/2/x", io.BytesIO(b"."))

    store.delete("shop-a/1/x")
    store.delete("shop-a/1/x")

    assert [each.name for each in store.names("")] == ["shop-a/2/x"]
    store.put("shop-a/1/x", io.BytesIO(b"again"))
    assert content(store, "shop-a/1/x") == b"again"


def test_says_that_an_object_doesnt_exist(store: Store) -> None:
    with pytest.raises(StoreError, match="doesn't exist"), store.get(NAME):
        pass


def test_a_reader_may_stop_early(store: Store) -> None:
    store.put(NAME, Endless(10_000_000))

    with store.get(NAME) as source:
        assert source.read(10)


def test_says_what_protects_its_objects_and_removes_the_probe(store: Store) -> None:
    found = store.protection("tagship-probe/1")

    assert found.hides
    assert list(store.names("")) == []


@pytest.mark.parametrize("name", ["../outside", "/absolute", "a//b", "a/./b", "a\nb"])
def test_a_name_never_leads_out_of_the_store(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="no name for an object"):
        store.put(name, io.BytesIO(b"."))
