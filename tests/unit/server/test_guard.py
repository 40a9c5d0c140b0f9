"""The guard's script, run by this machine's shell: it ends a command of whoever is gone."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tagship.server import guard


@pytest.fixture
def marked() -> Iterator[subprocess.Popen[bytes]]:
    """A process that bears the mark."""
    with subprocess.Popen(["/bin/sleep", "60"], env={**os.environ, guard.MARK: "abc"}) as process:
        yield process
        process.kill()


def told(words: bytes) -> None:
    """Run a guard that hears these words, and then nothing more."""
    subprocess.run(["/bin/sh", "-c", guard.OTHERS, "abc"], input=words, check=False, capture_output=True, timeout=10)


def test_the_command_ends_with_the_connection(marked: subprocess.Popen[bytes]) -> None:
    told(b"beatbeat")

    assert marked.wait(1) == -15


def test_a_command_that_has_ended_may_have_left_something_running(marked: subprocess.Popen[bytes]) -> None:
    told(b"beatend!")

    assert marked.poll() is None


def test_nobody_else_is_ended(marked: subprocess.Popen[bytes]) -> None:
    subprocess.run(["/bin/sh", "-c", guard.OTHERS, "other"], input=b"", check=False, capture_output=True, timeout=10)

    assert marked.poll() is None
