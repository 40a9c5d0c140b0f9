"""`backup.list`, `prune`, `pin`, `unpin` and `check`, against a store in a folder."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tagship.backups.stores import folder
from tagship.commands import backups_kept
from tagship.errors import StoreError
from tagship.reporting import table
from tests.unit.commands.conftest import CONFIG, Run

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
PRUNE = ("backup.prune", "--env", "staging")


@pytest.fixture
def store(app: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that an environment's backups go to; two of each day stay, one of each week, and one of each month."""
    root = app / "backups"
    root.mkdir()
    keep = "{daily: 2, weekly: 1, monthly: 1, last: 1}"
    backups = f'backups: {{store: "{root.as_uri()}", recipients: {KEY}, keep: {keep}}}'
    (app / "tagship.yml").write_text(f"{backups}\n{CONFIG}")
    monkeypatch.setattr(backups_kept, "_now", lambda: NOW)
    return root / "shop-staging"


def add(store: Path, days: int, *, whole: bool = True) -> str:
    """A backup that was made so many days ago; its id."""
    name = f"{NOW - timedelta(days=days, hours=1):%Y%m%dT%H%M%SZ}-{days:06x}"
    (store / name).mkdir(parents=True)
    for file in ("db.age", *(["manifest.json"] if whole else [])):
        (store / name / file).write_bytes(b"x" * 1500)
    return name


@pytest.fixture
def ids(store: Path) -> list[str]:
    """Six daily backups, newest first."""
    return [add(store, days) for days in range(6)]


def listed(run: Run) -> dict[str, str]:
    """Backup → why it stays or goes."""
    return {each["id"]: each["why"] for each in json.loads(run("backup.list", "--env", "staging", "--json").out)}


def test_lists_backups_newest_first_and_why_they_stay(store: Path, ids: list[str], run: Run) -> None:
    broken = add(store, 7, whole=False)

    shown = run("backup.list", "--env", "staging").out.splitlines()

    assert shown[2:] == [
        f"{ids[0]}  3.0 kB  last 1, daily, weekly, monthly",
        f"{ids[1]}  3.0 kB  daily",
        *(f"{each}  3.0 kB  goes: not the newest of its week" for each in ids[2:5]),
        f"{ids[5]}  3.0 kB  goes: not the newest of its month",
        f"{broken}  1.5 kB  goes: unfinished",
        "",
        "6 backups, 19.5 kB; the newest is 60 min old.",
    ]


@pytest.mark.parametrize("columns", [80, 60])
def test_its_screens_fit_the_terminal(
    store: Path, ids: list[str], run: Run, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    run("backup.pin", "--env", "staging", "--at", ids[4], "--reason", "the state before the great migration of orders")
    monkeypatch.setattr(table, "width", lambda: columns)

    for argv in (("backup.list", "--env", "staging"), (*PRUNE, "--dry-run")):
        assert max(map(len, run(*argv).out.splitlines())) <= columns
    assert store.exists()


def test_says_how_to_make_the_first_one(store: Path, run: Run) -> None:
    assert "backup.create --env staging` makes one" in run("backup.list", "--env", "staging").out
    assert run(*PRUNE).out == "Removed nothing; 0 backups stay.\n"
    assert not store.exists()


def test_a_dry_run_says_what_would_go_and_why_and_removes_nothing(ids: list[str], run: Run) -> None:
    ran = run(*PRUNE, "--dry-run")

    assert f"{ids[2]}  3.0 kB  not the newest of its week" in ran.out
    assert ran.out.endswith("Would remove 4 backups, 12.0 kB; 2 backups stay.\n")
    assert len(listed(run)) == 6


def test_prunes_what_need_not_stay(store: Path, ids: list[str], run: Run) -> None:
    ran = run(*PRUNE)

    assert ran.out.endswith("Removed 4 backups, 12.0 kB; 2 backups stay.\n")
    assert sorted(path.name for path in store.iterdir()) == sorted(ids[:2])
    assert run(*PRUNE).out == "Removed nothing; 2 backups stay.\n"


def test_says_as_json_what_was_removed(ids: list[str], run: Run) -> None:
    said = json.loads(run(*PRUNE, "--json").out)

    assert [each["id"] for each in said["removed"]] == sorted(ids[2:])
    assert (said["bytes"], said["dry_run"], len(said["stay"])) == (12000, False, 2)


def test_a_pinned_backup_stays_until_it_is_unpinned(store: Path, ids: list[str], run: Run) -> None:
    at = ("--env", "staging", "--at", ids[5])
    assert run("backup.pin", *at, "--reason", "audit", "--dry-run").out == f"Would pin {ids[5]}.\n"
    assert run("backup.pin", *at, "--reason", "audit").out == f"Pinned {ids[5]}.\n"
    assert run("backup.pin", *at, "--reason", "again").out == f"{ids[5]} is already pinned.\n"
    assert f"{ids[5]}  3.0 kB  pinned: audit" in run("backup.list", "--env", "staging").out

    run(*PRUNE)
    assert (store / ids[5]).exists()

    assert run("backup.unpin", *at, "--dry-run").out == f"Would unpin {ids[5]}.\n"
    assert run("backup.unpin", *at).out == f"Unpinned {ids[5]}.\n"
    assert run("backup.unpin", *at).out == f"{ids[5]} isn't pinned.\n"
    run(*PRUNE)
    assert not (store / ids[5]).exists()


def test_a_backup_that_is_pinned_while_others_are_removed_stays(
    store: Path, ids: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = folder.Folder.names

    def pinned_meanwhile(self: folder.Folder, prefix: str) -> Iterator[object]:
        if prefix.endswith(f"{ids[3]}/"):
            (store / ids[3] / "pinned").touch()
        return names(self, prefix)

    monkeypatch.setattr(folder.Folder, "names", pinned_meanwhile)
    run(*PRUNE)

    assert set(listed(run)) == {ids[0], ids[1], ids[3]}


def test_a_backup_that_is_half_removed_is_not_taken_for_a_good_one(
    store: Path, ids: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = folder.Folder.delete

    def refused(self: folder.Folder, name: str) -> None:
        if name.endswith(".age"):
            raise StoreError("The store can't delete it.")
        delete(self, name)

    monkeypatch.setattr(folder.Folder, "delete", refused)
    assert run(*PRUNE).code == 21

    assert listed(run)[ids[5]].startswith("unfinished")
    assert (store / ids[5] / "db.age").exists()


def test_what_killed_uploads_left_behind_is_removed_after_a_day(store: Path, ids: list[str], run: Run) -> None:
    old, young = store / ids[0] / ".part-1", store / ids[0] / ".part-2"
    for part, hours in ((old, 25), (young, 1)):
        part.touch()
        os.utime(part, times=((NOW - timedelta(hours=hours)).timestamp(),) * 2)

    run(*PRUNE)

    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("task", ["backup.pin", "backup.unpin"])
@pytest.mark.usefixtures("store")
def test_which_backup_must_be_said(run: Run, task: str) -> None:
    assert run(task, "--env", "staging").code == 64


def test_checks_what_protects_the_backups(store: Path, run: Run) -> None:
    said = run("backup.check", "--env", "staging").out

    assert "This identity can read backups." in said
    assert "It can delete backups for good: see Tagship's docs/backups.md" in said
    assert list(store.parent.iterdir()) == []


@pytest.mark.usefixtures("app")
def test_an_environment_without_backups_is_told_how_to_get_them(run: Run) -> None:
    assert run("backup.list", "--env", "staging").code == 2
