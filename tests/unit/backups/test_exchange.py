"""The scripts that exchange a folder's files, run here, and ended at every rename."""

import os
import subprocess
from pathlib import Path

import pytest

from tagship.backups import exchange
from tagship.backups.exchange import STAGE

OLD = {"a": "old", "b c/d": "old", ".hidden": "old"}
NEW = {"a": "new", "e": "new", ".hidden": "new"}
_REFUSES = """#!/bin/sh
for last; do :; done
[ "${last%/old}" != "$last" ] || exec /bin/mv "$@"
/bin/mv -- "$2" "$last"
exit 1
"""
"""Moves one of several files to the old ones, and fails."""
_DIES = """#!/bin/sh
for last; do :; done
echo . >> "$COUNT"
[ "$(wc -l < "$COUNT")" -ne "$DIES_AT" ] || { /bin/mv -- "$2" "$last"; kill -KILL 0; }
exec /bin/mv "$@"
"""
"""Is killed in one of its calls after one of several files, and with it all that called it."""


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    """The files in a folder, those on the stage left out."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    named = {str(path.relative_to(folder)): path.read_text() for path in files}
    return {name: text for name, text in named.items() if not name.startswith(STAGE)}


def run(script: str, folder: Path, *words: str, **environment: str) -> int:
    env = {**os.environ, **environment}
    argv = ["sh", "-c", script, str(folder), *words]
    return subprocess.run(argv, env=env, check=False, capture_output=True, start_new_session=True).returncode


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    """A folder with old files in use, and new ones on the stage."""
    folder = tmp_path / "volume"
    written(folder, OLD)
    assert run(exchange.CLEAR, folder) == 0
    written(folder / STAGE / "new", NEW)
    (folder / STAGE / "new").chmod(0o751)
    return folder


def test_new_files_take_the_old_ones_place_with_the_folders_own_mode(laid: Path) -> None:
    assert content(laid) == OLD

    assert run(exchange.EXCHANGE, laid, "kept") == 0

    assert content(laid) == NEW
    assert content(laid / STAGE / "old") == OLD
    assert laid.stat().st_mode & 0o777 == 0o751


def with_mv(folder: Path, script: str, **environment: str) -> dict[str, str]:
    """An environment with another mv."""
    (folder / "mv").write_text(script)
    (folder / "mv").chmod(0o700)
    return {"PATH": f"{folder}:{os.environ['PATH']}", **environment}


@pytest.mark.parametrize("at", [1, 2])
def test_an_exchange_that_was_ended_at_any_rename_goes_on_to_all_new_files(laid: Path, tmp_path: Path, at: int) -> None:
    env = with_mv(tmp_path, _DIES, COUNT=str(tmp_path / "count"), DIES_AT=str(at))
    ended = run(exchange.EXCHANGE, laid, "kept", **env)

    again = run(exchange.EXCHANGE, laid, "kept")

    assert (ended, again) == (-9, 0)
    assert content(laid) == NEW
    assert content(laid / STAGE / "old") == OLD
    assert run(exchange.EXCHANGE, laid, "kept") == 0  # once more changes nothing
    assert content(laid) == NEW


def test_an_exchange_that_fails_while_old_files_go_brings_them_back(laid: Path, tmp_path: Path) -> None:
    failed = run(exchange.EXCHANGE, laid, "kept", **with_mv(tmp_path, _REFUSES))

    assert failed
    assert content(laid) == OLD
    assert run(exchange.BEGUN, laid) == 0
    assert not (laid / STAGE / "kept").exists()


def test_old_files_that_have_no_volume_yet_are_never_cleared(laid: Path) -> None:
    run(exchange.EXCHANGE, laid, "kept")

    assert (laid / STAGE / "kept").read_text() == "kept"
