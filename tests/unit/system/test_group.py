"""The app's own commands end with all that they have started."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tagship.system import group

PARENT = "sleep 60 & echo $! > pid; {}; wait"
"""A shell that starts something, and says which process."""


def started(where: Path, script: str) -> tuple[subprocess.Popen[str], int]:
    """A shell that runs a script, and the process that it has started, once it has."""
    process = group.begin(["sh", "-c", PARENT.format(script)], os.environ, where)
    written = where / "pid"
    while not (written.exists() and written.read_text().endswith("\n")):
        time.sleep(0.01)
    return process, int(written.read_text())


def gone(pid: int) -> bool:
    """Whether a process has ended within a while; nobody may have waited for it yet."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    process, child = started(tmp_path, "true")
    with process:
        group.end(process)

    assert process.returncode == -signal.SIGTERM
    assert gone(child)


def test_a_program_that_ignores_sigterm_is_killed_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "GRACE", 0.05)
    process, child = started(tmp_path, "trap : TERM; while :; do sleep 0.01; done")
    with process:
        group.end(process)

    assert process.returncode == -signal.SIGKILL
    assert gone(child)


def test_it_reads_nothing_and_both_its_streams_are_one() -> None:
    with group.begin(["sh", "-c", "cat; echo out; echo err >&2"], os.environ) as process:
        said, _ = process.communicate(timeout=5)

    assert said == "out\nerr\n"


@pytest.mark.parametrize("refusal", [ProcessLookupError, PermissionError])
def test_a_group_that_is_gone_or_refused_is_no_error(monkeypatch: pytest.MonkeyPatch, refusal: type[OSError]) -> None:
    def refused(*_: int) -> None:
        raise refusal

    monkeypatch.setattr(os, "killpg", refused)
    with group.begin(["true"], os.environ) as process:
        group.end(process)

    assert process.returncode == 0
