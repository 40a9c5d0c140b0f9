"""A restore is planned in full, with every obstacle, before anything is touched."""

from dataclasses import replace

import pytest

from tagship.backups import restore
from tagship.backups.manifest import Database, Manifest
from tagship.backups.restore import Standing
from tagship.errors import BackupError
from tagship.names import Place

BACKUP = Manifest(
    id="20261127T101530Z-a1b2c3",
    app="atlas",
    environment="production",
    started="2026-11-27T10:15:29+00:00",
    at="2026-11-27T10:15:30+00:00",
    ended="2026-11-27T10:16:00+00:00",
    database=Database("atlas", "15.14 (Debian 15.14-1)", size=1_000_000_000),
)
PRODUCTION = Place("atlas", "production")
NOW = Standing(150014, ("atlas", "postgres"), "20261128t090000", disk_free=5_000_000_000)


def test_the_old_database_is_kept_under_the_time_until_which_it_was_used() -> None:
    plan = restore.plan(BACKUP, PRODUCTION, "atlas", NOW)

    assert (plan.loading, plan.kept) == ("atlas_restore_20261127t101530z_a1b2c3", "atlas_until_20261128t090000")
    assert plan.lines[-1].endswith(f"{plan.loading} becomes atlas")


def test_where_there_is_no_database_yet_none_is_kept() -> None:
    plan = restore.plan(BACKUP, PRODUCTION, "atlas", replace(NOW, databases=()))

    assert plan.kept == ""
    assert plan.lines[-1].startswith("Rename")


def test_beside_means_that_nothing_is_swapped() -> None:
    plan = restore.plan(BACKUP, PRODUCTION, "atlas", NOW, "looked_at")

    assert (plan.database, plan.loading, plan.kept) == ("looked_at", "looked_at", "")


def test_a_backup_of_another_environment_brings_no_owners_and_settings() -> None:
    of_staging = replace(BACKUP, environment="staging")

    assert restore.plan(of_staging, PRODUCTION, "atlas", NOW).foreign
    assert not restore.plan(BACKUP, PRODUCTION, "atlas", NOW).foreign


def test_what_killed_restores_left_is_dropped_and_nothing_else() -> None:
    left = "atlas_restore_20261101t101530z_0a1b2c"
    there = ("atlas", left, "atlas_restore_check", "atlas_until_x", "other_restore_20261101t101530z_0a1b2c")

    assert restore.plan(BACKUP, PRODUCTION, "atlas", replace(NOW, databases=there)).leftovers == (left,)


def test_names_fit_into_postgresql() -> None:
    plan = restore.plan(BACKUP, PRODUCTION, "a" * 60, replace(NOW, databases=("a" * 60,)))

    assert max(len(plan.loading), len(plan.kept)) <= 63
    assert len({plan.loading, plan.kept, plan.database}) == 3


@pytest.mark.parametrize(
    ("backup", "now", "into", "why"),
    [
        (replace(BACKUP, app="other"), NOW, "", "is of other, not of atlas"),
        (replace(BACKUP, database=None), NOW, "", "holds no database"),
        (replace(BACKUP, database=Database("atlas", "16.1")), NOW, "", "PostgreSQL 16, and this server is 15"),
        (BACKUP, replace(NOW, disk_free=1_100_000_000), "", r"needs 1\.2 GB .* 1\.1 GB are free"),
        (BACKUP, NOW, "postgres", "postgres exists already"),
    ],
)
def test_obstacles_are_named_before_anything_is_changed(backup: Manifest, now: Standing, into: str, why: str) -> None:
    with pytest.raises(BackupError, match=why):
        restore.plan(backup, PRODUCTION, "atlas", now, into)


def test_the_disk_of_a_managed_database_is_not_ours_to_judge() -> None:
    assert restore.plan(BACKUP, PRODUCTION, "atlas", replace(NOW, disk_free=None)).kept
