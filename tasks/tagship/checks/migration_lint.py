"""Lets a program of the app's judge the SQL of migrations before they are applied."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from tagship.checks.suites import OURS
from tagship.migrations.inspection import Change
from tagship.project.migration_settings import MigrationLint

_STYLING = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")
"""Colours and links for terminals."""
_WITHIN = 120.0
"""Seconds for each migration."""


def findings(lint: MigrationLint, changes: Iterable[Change], folder: Path) -> Iterator[str]:
    """What the program says of each pending migration with known SQL, each line with the migration's name.

    A program that can't be run, or isn't done in time, is a finding, too.
    """
    for change in changes:
        if change.pending and change.sql:
            yield from (f"{change.name}: {line}" for line in _said(lint.run, change, folder))


def _said(command: str, change: Change, folder: Path) -> list[str]:
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    try:
        done = subprocess.run(
            shlex.split(command), input=change.sql, env={**env, "MIGRATION": change.name}, cwd=folder,
            capture_output=True, encoding="utf-8", errors="backslashreplace", check=False, timeout=_WITHIN,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [f"{command}: not done within {_WITHIN:g} s"]
    except OSError as error:
        return [f"{command}: {error.strerror}"]
    except ValueError as error:  # an unclosed quote
        return [f"{command}: {error}"]
    if done.returncode == 0:
        return []
    lines = _STYLING.sub("", done.stdout.strip() or done.stderr.strip()).splitlines()
    return lines or [f"{command}: exit {done.returncode}"]
