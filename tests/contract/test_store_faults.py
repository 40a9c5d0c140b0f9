"""Stores that refuse, break, lose and lie: no object is ever there in part, and every failure is said plainly."""

import io
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagship.backups.store import ReadDeniedError, Store
from tagship.backups.stores import open_store, s3_client
from tagship.errors import ConfigError, StoreError
from tests.contract.test_stores import NAME, Endless, Torn, content
from tests.fakes import faulty_s3
from tests.fakes.faulty_s3 import CORRUPT, ERROR, FULL, LOSE, PASS, SILENT, SLOW, SWALLOW, TRUNCATE, Rule
from tests.rig import Rig, shell

LONG = 20_000_000
TOMORROW = datetime.now(UTC) + timedelta(days=1)


class Bucket:
    """A folder of a real bucket, for one test."""

    def __init__(self, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
        self.s3 = rig.s3
        self._monkeypatch = monkeypatch
        self.folder = f"faults-{secrets.token_hex(4)}"
        self.become("admin")

    def become(self, identity: str) -> None:
        """Stores that are opened from now on are this identity's."""
        for name, value in self.s3.variables(identity).items():
            self._monkeypatch.setenv(name, value)

    def store(self, endpoint: str = "", bucket: str = "plain", *, locked: bool = False) -> Store:
        """The folder as a store, through another endpoint if one is given."""
        url = self.s3.bucket(bucket, locked=locked).replace("?", f"/{self.folder}?")
        return open_store(url.replace(self.s3.url, endpoint or self.s3.url))

    @contextmanager
    def faulty(self, rule: Rule) -> Iterator[Store]:
        """The folder through a proxy that breaks what the rule says."""
        with faulty_s3.proxy(self.s3.url, rule) as url:
            yield self.store(url)

    @property
    def left(self) -> list[str]:
        """What is there, unfinished uploads too."""
        store = self.store()
        unfinished = store.sweep("", TOMORROW)
        return [each.name for each in store.names("")] + ["unfinished"] * unfinished


@pytest.fixture
def bucket(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A folder of its own in a bucket."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.01)
    return Bucket(rig, monkeypatch)


def test_an_error_that_passes_is_not_noticed(bucket: Bucket) -> None:
    with bucket.faulty(lambda _, __, times: ERROR if times == 1 else PASS) as store:
        store.put(NAME, Endless(LONG))
        store.put(f"{NAME}.json", io.BytesIO(b"{}"))
        assert [each.size for each in store.names("")] == [LONG, 2]
        assert len(content(store, NAME)) == LONG
        store.delete(NAME)

    assert bucket.left == [f"{NAME}.json"]


@pytest.mark.parametrize(("what", "said"), [(ERROR, "InternalError"), (FULL, "is full")])
@pytest.mark.parametrize("part", ["partNumber=2", "uploadId=", "uploads"])
def test_a_store_that_fails_in_the_middle_keeps_nothing(bucket: Bucket, what: str, said: str, part: str) -> None:
    methods = {"partNumber=2": "PUT", "uploadId=": "POST", "uploads": "POST"}
    rule = lambda method, path, _: what if part in path and method == methods[part] else PASS  # noqa: E731
    with bucket.faulty(rule) as store, pytest.raises(StoreError, match=said):
        store.put(NAME, Endless(LONG))

    assert bucket.left == []


@pytest.mark.parametrize("size", [100, LONG], ids=["short", "long"])
def test_an_object_counts_as_stored_if_only_the_answer_was_lost(bucket: Bucket, size: int) -> None:
    last = lambda method, path, times: LOSE if times == 1 and _finishes(method, path) else PASS  # noqa: E731
    with bucket.faulty(last) as store:
        store.put(NAME, Endless(size))

    assert bucket.left == [NAME]


@pytest.mark.parametrize("size", [100, LONG], ids=["short", "long"])
def test_another_object_of_that_name_is_not_mistaken_for_ones_own(bucket: Bucket, size: int) -> None:
    bucket.store().put(NAME, io.BytesIO(b"another"))
    last = lambda method, path, times: ERROR if times == 1 and _finishes(method, path) else PASS  # noqa: E731

    with bucket.faulty(last) as store, pytest.raises(StoreError, match="exists already"):
        store.put(NAME, Endless(size))

    assert content(bucket.store(), NAME) == b"another"


def test_a_slow_store_only_takes_longer(bucket: Bucket) -> None:
    with bucket.faulty(lambda *_: SLOW) as store:
        store.put(NAME, Endless(LONG))
        assert len(content(store, NAME)) == LONG


def test_a_store_that_falls_silent_is_given_up(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "READ_TIMEOUT", 0.2)
    rule = lambda _, path, __: SILENT if "partNumber" in path else PASS  # noqa: E731
    with bucket.faulty(rule) as store, pytest.raises(StoreError, match="Read timeout"):
        store.put(NAME, Endless(LONG))

    assert [each.name for each in bucket.store().names("")] == []


def test_a_part_that_the_store_lost_is_noticed(bucket: Bucket) -> None:
    rule = lambda _, path, __: SWALLOW if "partNumber=2" in path else PASS  # noqa: E731
    with bucket.faulty(rule) as store, pytest.raises(StoreError):
        store.put(NAME, Endless(LONG))

    assert bucket.left == []


@pytest.mark.parametrize("size", [100, LONG], ids=["short", "long"])
def test_a_byte_that_changes_on_the_way_is_noticed_by_the_server(bucket: Bucket, size: int) -> None:
    rule = lambda method, path, _: CORRUPT if method == "PUT" else PASS  # noqa: ARG005, E731
    with bucket.faulty(rule) as store, pytest.raises(StoreError, match="isn't what was sent"):
        store.put(NAME, Endless(size))

    assert bucket.left == []


def test_a_download_that_is_cut_goes_on_where_it_was(bucket: Bucket) -> None:
    bucket.store().put(NAME, Endless(LONG))
    whole = content(bucket.store(), NAME)

    with bucket.faulty(lambda method, _, times: TRUNCATE if method == "GET" and times == 1 else PASS) as store:
        assert content(store, NAME) == whole


def test_a_download_that_is_cut_again_and_again_fails(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    bucket.store().put(NAME, Endless(LONG))

    rule = lambda _, path, __: TRUNCATE if NAME in path else PASS  # noqa: E731
    with bucket.faulty(rule) as store, pytest.raises(StoreError, match=f"can't read {NAME}"):
        content(store, NAME)


def test_a_write_only_identity_is_enough_to_store_and_list(bucket: Bucket) -> None:
    bucket.become("writer")
    store = bucket.store()

    store.put(NAME, Endless(LONG))
    store.put(f"{NAME}.json", io.BytesIO(b"{}"))

    assert len(list(store.names(""))) == 2
    with pytest.raises(ReadDeniedError, match="access is denied"):
        content(store, NAME)


def test_a_failed_upload_of_a_write_only_identity_leaves_nothing(bucket: Bucket) -> None:
    bucket.become("writer")
    with pytest.raises(OSError, match="gone"):
        bucket.store().put(NAME, Torn(b"x" * LONG, OSError("gone")))

    bucket.become("admin")
    assert bucket.left == []


def test_an_identity_that_may_only_read_stores_and_deletes_nothing(bucket: Bucket) -> None:
    bucket.store().put(NAME, io.BytesIO(b"."))
    bucket.become("reader")
    store = bucket.store()

    with pytest.raises(StoreError, match="access is denied"):
        store.put("other", io.BytesIO(b"."))
    with pytest.raises(StoreError, match="access is denied"):
        store.put("other", Endless(LONG))
    with pytest.raises(StoreError, match="access is denied"):
        store.delete(NAME)


@pytest.mark.parametrize(
    ("variable", "said"), [("AWS_ACCESS_KEY_ID", "are unknown"), ("AWS_SECRET_ACCESS_KEY", "secret key is wrong")]
)
def test_wrong_credentials_are_said_and_not_repeated(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "wrong-4711")

    with pytest.raises(StoreError, match=said) as caught:
        bucket.store().put(NAME, io.BytesIO(b"."))

    assert "4711" not in str(caught.value)
    assert bucket.s3.key("admin")[1] not in str(caught.value)


def test_a_server_that_doesnt_answer_and_a_bucket_that_doesnt_exist_are_said(bucket: Bucket) -> None:
    with pytest.raises(StoreError, match="no such bucket"):
        list(open_store(f"s3://nowhere?endpoint={bucket.s3.url}").names(""))
    with pytest.raises(StoreError, match="can't list its objects: Could not connect"):
        list(open_store("s3://nowhere?endpoint=http://127.0.0.1:9").names(""))


def test_leftovers_of_a_killed_upload_are_swept_when_they_are_old(bucket: Bucket) -> None:
    client, store = bucket.s3.client(), bucket.store()
    client.create_multipart_upload(Bucket="plain", Key=f"{bucket.folder}/shop-a/1/x")
    client.create_multipart_upload(Bucket="plain", Key=f"{bucket.folder}/shop-b/1/x")

    assert store.sweep("shop-a/", datetime.now(UTC) - timedelta(days=1)) == 0
    assert store.sweep("shop-a/", TOMORROW) == 1
    assert bucket.left == ["unfinished"]


def test_a_bucket_without_versioning_protects_nothing(bucket: Bucket) -> None:
    found = bucket.store().protection("probe/1")

    assert (found.hides, found.erases, found.notes) == (True, True, ("versioning is off",))


def test_object_lock_keeps_what_was_deleted(bucket: Bucket) -> None:
    store = bucket.store(bucket="kept", locked=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    bucket.s3.client().put_object_lock_configuration(Bucket="kept", ObjectLockConfiguration=lock)  # type: ignore[arg-type]

    found = store.protection("probe/1")

    assert (found.hides, found.erases) == (True, False)
    assert found.notes == ("versioning is on", "Object Lock keeps each version for 1 days (COMPLIANCE)")
    assert list(store.names("")) == []
    store.put(NAME, Endless(LONG))
    store.delete(NAME)
    assert list(store.names("")) == []


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket",
        "s3://bucket?endpoint=http://u:secret@host",
        "s3://bucket?secret=x",
        "s3://bucket?endpoint=x",
    ],
)
def test_a_url_with_anything_else_than_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no bucket") as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_disk_that_is_full_leaves_nothing(rig: Rig, tmp_path: Path) -> None:
    del rig  # its owner is root, who may mount
    shell.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path])
    try:
        store = open_store(tmp_path.as_uri())
        with pytest.raises(StoreError, match="No space left on device"):
            store.put(NAME, Endless(5_000_000))

        assert list(store.names("")) == []
        store.put(NAME, io.BytesIO(b"there is room again"))
    finally:
        shell.run(["umount", tmp_path])


def _finishes(method: str, path: str) -> bool:
    """Whether a request makes an object appear."""
    return (method == "PUT" and "partNumber" not in path) or (method == "POST" and "uploadId=" in path)
