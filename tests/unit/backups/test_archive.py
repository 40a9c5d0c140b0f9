"""How far an archive is behind, and what is wrong with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tagship.backups.archive import Archive, Limits, findings, free, notes
from tagship.backups.pgbackrest import Base

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LIMITS = Limits(rpo=120, base=86400)
BASE = Base("20261127-100000F", NOW - timedelta(hours=2), NOW - timedelta(hours=2), "0" * 24, 10**9, 10**8)
GOOD = Archive(
    now=NOW, archiving=True, timeout=60, last=NOW, failing=None, waiting=0, oldest=None, wal=10**8, bound="1GiB",
    free=10**10, bases=(BASE,), gaps=(),
)  # fmt: skip


def wrong(archive: Archive) -> str:
    return "\n".join(findings(archive, LIMITS))


def test_nothing_is_wrong_with_an_archive_that_keeps_up() -> None:
    assert wrong(GOOD) == ""
    assert list(notes(GOOD)) == []
    assert GOOD.rpo == 60


def test_the_rpo_grows_while_segments_wait() -> None:
    behind = replace(GOOD, waiting=3, oldest=NOW - timedelta(seconds=90), failing=NOW - timedelta(seconds=5))

    assert behind.rpo == 150
    assert "RPO is" in wrong(behind)
    assert "Archiving fails, last 5 s ago: 3 segments wait; 100.0 MB of WAL, 10.0 GB free." in wrong(behind)


def test_a_quiet_database_without_archive_timeout_has_no_bound() -> None:
    assert replace(GOOD, timeout=0).rpo is None
    assert "archive_timeout is 0" in wrong(replace(GOOD, timeout=0))


def test_without_archiving_nothing_else_matters() -> None:
    assert wrong(replace(GOOD, archiving=False, bases=())).startswith("PostgreSQL doesn't archive")


def test_a_missing_or_old_base_backup_and_missing_wal_are_wrong() -> None:
    old = replace(BASE, ended=NOW - timedelta(days=3))

    assert "no base backup" in wrong(replace(GOOD, bases=()))
    assert "too old, made 3 d ago" in wrong(replace(GOOD, bases=(old,)))
    gap = replace(GOOD, gaps=(("A", "B"),))
    assert "WAL is missing from A to B" in wrong(gap)
    assert gap.rpo is None


def test_while_the_store_is_down_the_database_itself_still_says_how_far_it_lags() -> None:
    down = replace(GOOD, store="It can't be reached.", bases=(), waiting=1, oldest=NOW - timedelta(seconds=10))

    assert wrong(down) == "It can't be reached. 1 segments wait; 100.0 MB of WAL, 10.0 GB free."
    assert down.rpo == 70


def test_a_queue_without_a_bound_is_noted_because_the_disk_may_fill() -> None:
    assert "PGBACKREST_ARCHIVE_PUSH_QUEUE_MAX" in "".join(notes(replace(GOOD, bound="")))


def test_free_space_is_read_from_df() -> None:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"

    assert free(f"{head}/dev/vda 264000000 48000000 1000 44% /var/lib/postgresql/data\n") == 1024000
