"""One door to other programs: argv in, text out, a readable error when one fails."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.rig.errors import RigError

POLL = 0.05


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program to its end and return what it printed. Raises RigError when it fails."""
    try:
        done = subprocess.run(
            argv,
            env=env,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        message = f"{argv[0]} is not on this machine: install it."
        raise RigError(message) from error
    if done.returncode:
        shown = " ".join(map(str, argv))
        message = f"{shown} exited with {done.returncode}:\n{(done.stderr or done.stdout)[-3000:]}"
        raise RigError(message)
    return done.stdout


def leave(argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path) -> int:
    """Start a program that outlives this one, its output in `log`, and give its process id."""
    # Through a shell that ends at once, so that it is nobody's child, nor zombie.
    script = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'
    return int(run(["sh", "-c", script, "sh", log, *argv], env=env))


def succeeds(argv: Sequence[str | Path]) -> bool:
    """Whether a program ends with exit code 0."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def wait_for(condition: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Poll until the condition holds. Raises RigError naming what never came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            message = f"{what} didn't happen within {seconds:.0f} s"
            raise RigError(message)
        time.sleep(POLL)


def together(*calls: Callable[[], object]) -> None:
    """Make the calls side by side; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()
