"""A manifest says what a backup holds; one that was changed is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tagship.backups import manifest
from tagship.backups.manifest import Database, Manifest, Part
from tagship.errors import BackupError

AT = datetime(2026, 11, 27, 10, 15, 30, tzinfo=UTC)
MANIFEST = Manifest(
    id="20261127T101530Z-a1b2c3",
    app="atlas",
    environment="production",
    started="2026-11-27T10:15:29+00:00",
    at="2026-11-27T10:15:30+00:00",
    ended="2026-11-27T10:16:00+00:00",
    release="atlas-production-0123abcd-456789",
    parts=(Part("postgres", "db", "postgres-db.zst.age", 100, "aa", 50, "bb"),),
    database=Database("atlas", "15.14", "3.3.7", rows={"public.user": 3}, leaves=("auth.0012_x", "properties.0003_y")),
    verified="read back",
)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert manifest.decode(manifest.encode(MANIFEST)) == MANIFEST
    assert manifest.decode(manifest.encode(replace(MANIFEST, database=None))).database is None


def test_a_changed_byte_is_noticed() -> None:
    with pytest.raises(BackupError, match="was changed"):
        manifest.decode(manifest.encode(MANIFEST).replace(b'"public.user": 3', b'"public.user": 2'))


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b"null", manifest.encode(MANIFEST)[:-2], b'{"version": 1}'])
def test_what_is_no_manifest_is_refused(stored: bytes) -> None:
    with pytest.raises(BackupError):
        manifest.decode(stored)


def test_a_manifest_of_a_newer_version_is_refused_with_the_reason() -> None:
    with pytest.raises(BackupError, match="newer"):
        manifest.decode(manifest.encode(replace(MANIFEST, version=2)))


def test_an_id_holds_the_time_in_utc() -> None:
    here = AT.astimezone(timezone(timedelta(hours=2)))

    assert manifest.new_id(here).startswith("20261127T101530Z-")
    assert manifest.taken(manifest.new_id(here)) == AT
    assert manifest.new_id(AT) != manifest.new_id(AT)


def test_a_backup_that_is_older_than_a_time_by_its_id_holds_nothing_written_after_that_time() -> None:
    snapshot = AT + timedelta(microseconds=1)

    found = manifest.taken(manifest.new_id(snapshot))

    assert found
    assert snapshot <= found == AT + timedelta(seconds=1)


@pytest.mark.parametrize("text", ["", "20261127T101530Z", "20261327T101530Z-a1b2c3", "x20261127T101530Z-a1b2c3"])
def test_other_names_are_no_ids(text: str) -> None:
    assert manifest.taken(text) is None


def test_the_commit_that_was_live_is_read_from_the_releases_name() -> None:
    assert MANIFEST.commit == "0123abcd"
    assert replace(MANIFEST, release="").commit == ""
