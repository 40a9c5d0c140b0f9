"""What a store's names say about its backups."""

import io
from datetime import UTC, datetime

import pytest

from tagship.backups import catalogue
from tagship.backups.store import Stored
from tagship.errors import BackupError
from tagship.names import Place
from tagship.testing import MemoryStore

SHOP = Place("shop", "production")
OLD, NEW, BROKEN = "20261101T031700Z-aaaaaa", "20261127T031700Z-bbbbbb", "20261127T101500Z-cccccc"


def stored(backup: str, *files: str) -> list[Stored]:
    return [Stored(f"shop-production/{backup}/{file}", 10) for file in files]


BACKUPS = catalogue.backups(
    [
        *stored(OLD, "db.age", "manifest.json", "pinned"),
        *stored(NEW, "db.age", "manifest.json"),
        *stored(BROKEN, "db.age"),
        *stored("notes", "readme.txt"),
        *stored("20261350T031700Z-aaaaaa", "manifest.json"),
        Stored("shop-production/readme.txt", 1),
    ],
    SHOP,
)


def test_names_say_which_release_a_backup_leads_back_to() -> None:
    found = catalogue.backups(
        stored(NEW, "db.age", "manifest.json", "way-back-to-shop-production-0123abcd-456789"), SHOP
    )
    half = catalogue.backups(stored(NEW, "manifest.json", "way-back-to-x", "pinned"), SHOP)

    assert [(b.way_back, b.whole) for b in found] == [("shop-production-0123abcd-456789", True)]
    assert not half[0].whole


def test_lists_backups_from_names_alone_newest_first() -> None:
    assert [(b.id, b.whole, b.pinned, b.size) for b in BACKUPS] == [
        (BROKEN, False, False, 10),
        (NEW, True, False, 20),
        (OLD, True, True, 30),
    ]
    assert BACKUPS[2].at == datetime(2026, 11, 1, 3, 17, tzinfo=UTC)
    assert BACKUPS[0].objects == (f"shop-production/{BROKEN}/db.age",)


def test_lists_what_a_store_holds_for_one_environment() -> None:
    store = MemoryStore()
    store.put(f"shop-production/{NEW}/manifest.json", io.BytesIO(b"{}"))
    store.put(f"shop-production-eu/{OLD}/manifest.json", io.BytesIO(b"{}"))

    assert [backup.id for backup in catalogue.listed(store, SHOP)] == [NEW]


@pytest.mark.parametrize(
    ("at", "backup"),
    [
        ("", NEW),
        (OLD, OLD),
        ("20261101", OLD),
        ("2026-11-27T03:17:00Z", NEW),
        ("2026-11-27T03:16:59", OLD),
        ("2026-11-27T04:00:00+01:00", OLD),
        ("2026-11-26", OLD),
        ("2099-01-01", NEW),
    ],
)
def test_chooses_a_backup_by_its_id_or_by_a_time(at: str, backup: str) -> None:
    assert catalogue.chosen(BACKUPS, at).id == backup


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        ("2026", "2 backups begin with 2026"),
        (BROKEN, "is unfinished"),
        ("yesterday", "neither a backup nor a time"),
        ("2020-01-01", "No backup is as old as"),
    ],
)
def test_says_why_it_can_choose_none(at: str, problem: str) -> None:
    with pytest.raises(BackupError, match=problem):
        catalogue.chosen(BACKUPS, at)


def test_an_unfinished_backup_is_never_chosen() -> None:
    with pytest.raises(BackupError, match="There is no backup"):
        catalogue.chosen([backup for backup in BACKUPS if not backup.whole])
