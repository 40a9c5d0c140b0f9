"""The app's own commands (suites, smoke tests, hooks): each ends with all that it has started.

Each has a session, and so a process group, of its own. It reads nothing and has no terminal: Ctrl-C reaches Tagship
alone, which ends them.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""


def begin(argv: list[str], environment: Mapping[str, str], where: Path | None = None) -> subprocess.Popen[str]:
    """Start a program, whose stdout and stderr are one stream of text. Raises OSError."""
    return subprocess.Popen(
        argv, cwd=where, env=dict(environment), text=True, errors="backslashreplace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def terminate(process: subprocess.Popen[str]) -> None:
    """Ask a program and all in its group to end."""
    _send(process, signal.SIGTERM)


def end(process: subprocess.Popen[str]) -> None:
    """End a program and all in its group, by force if they don't end soon."""
    terminate(process)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    finally:
        _send(process, signal.SIGKILL)


def _send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # macOS refuses it for a group of which only the unreaped leader is left, and any system for another user's program
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
