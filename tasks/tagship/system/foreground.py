"""Runs a program in the foreground: it has this process's terminal, and signals are its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from tagship.errors import ToolError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str], output: IO[str] | None = None) -> int:
    """Its exit code; 128 and the signal's number if a signal ended it. Raises ToolError if it can't be run.

    `output`: where its stdout goes instead of this process's.
    """
    sys.stdout.flush()
    try:
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=output)
    except FileNotFoundError:
        raise ToolError(f"{argv[0]} is not installed.") from None
    except OSError as error:
        raise ToolError(f"{argv[0]} can't be run: {error.strerror}.", hint="check its permissions") from None
    with process, _passed_on(process):
        code = process.wait()
    return 128 - code if code < 0 else code


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass signals on. Ctrl-C reaches the program from its terminal already."""

    def forward(number: int, _: FrameType | None) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
