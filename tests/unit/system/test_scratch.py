"""Temporary folders of our own, and what killed runs left of theirs."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tagship.errors import StoppedError
from tagship.system import scratch
from tagship.system.scratch import Scratch
from tagship.system.signals import interruptible


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for temporary files of a test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_empty_private_and_gone_afterwards(temporary: Path) -> None:
    with scratch.folder() as folder:
        assert list(folder.iterdir()) == []
        assert folder.parent.stat().st_mode & 0o77 == 0
        (folder / "file").write_text("x")

    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_nothing_else(temporary: Path) -> None:
    script = "from tagship.system.scratch import Scratch; s = Scratch(); print(s.path, flush=True); input()"
    env = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        left = Path(run.stdout.readline().strip())
        scratch.sweep()
        assert left.exists(), "its run lives"
        run.kill()
    ours = Scratch()
    (temporary / "tagship-agent-x").mkdir()
    (temporary / f"{scratch.PREFIX}x").mkdir()
    (temporary / f"{scratch.PREFIX}y").symlink_to(temporary)

    scratch.sweep()

    assert not left.exists()
    kept = {ours.path.name, "tagship-agent-x", f"{scratch.PREFIX}x", f"{scratch.PREFIX}y"}
    assert {path.name for path in temporary.iterdir()} == kept
    ours.remove()


def test_a_folder_in_which_a_file_was_made_while_it_was_removed_is_gone(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, calls = shutil.rmtree, iter([True])

    def with_another(path: Path, *, ignore_errors: bool) -> None:
        remove(path, ignore_errors=ignore_errors)
        if next(calls, False):
            path.mkdir()

    monkeypatch.setattr(shutil, "rmtree", with_another)

    Scratch().remove()

    assert list(temporary.iterdir()) == []


def test_an_old_folder_whose_run_was_killed_before_it_locked_it_is_removed_and_one_that_is_just_being_made_is_not(
    temporary: Path,
) -> None:
    old, half, new, half_new, full = (temporary / f"{scratch.PREFIX}{name}" for name in ("a", "b", "c", "d", "e"))
    for path in (old, half, new, half_new, full):
        path.mkdir()
    for path in (half, half_new):
        (path / scratch.UNLOCKED).touch()
    (full / "file").write_text("x")
    for path in (old, half, full):
        os.utime(path, (1, 1))

    scratch.sweep()

    assert sorted(temporary.iterdir()) == [new, half_new, full]


def test_a_signal_while_a_folder_is_made_leaves_none(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.mkdtemp

    def interrupted(**how: str) -> str:
        path = make(**how)
        signal.raise_signal(signal.SIGTERM)
        return path

    monkeypatch.setattr(tempfile, "mkdtemp", interrupted)

    with interruptible(), pytest.raises(StoppedError):
        Scratch()

    assert list(temporary.iterdir()) == []


def test_a_signal_while_a_folder_is_removed_waits_until_it_is_gone(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, ours = shutil.rmtree, Scratch()

    def interrupted(path: Path, *, ignore_errors: bool) -> None:
        signal.raise_signal(signal.SIGTERM)
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", interrupted)

    with interruptible(), pytest.raises(StoppedError):
        ours.remove()

    assert list(temporary.iterdir()) == []
