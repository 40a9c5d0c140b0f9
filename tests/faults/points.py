"""Runs a command point by point, and does something to it at one of them."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.deployer import ALONE, ON, SOCKET
from tests.hello import Hello

_DEPLOYER = Path(__file__).with_name("deployer.py")
LONGEST = 240.0
"""Seconds that a command may take, whatever is done to it."""
HUNG = -999
"""The exit code of one that took longer."""


@dataclass(frozen=True)
class Point:
    """A moment of a command."""

    step: str
    phase: str
    has: frozenset[str] = field(default=frozenset(), compare=False)
    """What faults may be done to there, as seen when nothing was done."""

    def __str__(self) -> str:
        return f"{self.phase} {self.step!r}"


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    points: list[Point] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """What it said besides its steps."""
        lines = (line.strip() for line in self.err.splitlines() if line.startswith("  ") and " s  " not in line)
        return [line for line in lines if line]


class Deployer:
    """Where commands are started on the laptop, in a process that has imported all that they need."""

    def __init__(self, app: Hello) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="deployer-")
        self.socket = Path(self._folder.name) / "socket"
        argv = app.rig.laptop.command([sys.executable, str(_DEPLOYER), str(self.socket)])
        self._process = subprocess.Popen(argv, env=app.rig.laptop.environment, stdin=subprocess.DEVNULL)
        self._app = app
        while not self.socket.exists():
            assert self._process.poll() is None
            time.sleep(0.05)

    def start(self, words: tuple[str, ...], env: Mapping[str, str], *, asks: bool = True) -> "Running":
        """Start a command."""
        return Running(self._app, self.socket, words, env, asks=asks)

    def close(self) -> None:
        """Start no more."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


class Running:
    """A command on the laptop."""

    def __init__(
        self, app: Hello, deployer: Path, words: tuple[str, ...], env: Mapping[str, str], *, asks: bool
    ) -> None:
        self._asks = asks
        self._folder = tempfile.TemporaryDirectory(prefix="points-")
        folder = Path(self._folder.name)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "socket"))
        self._listener.listen()
        self._out, self._err = folder / "out", folder / "err"
        self._began = time.monotonic()
        asking = {SOCKET: str(folder / "socket")} if asks else {}
        wanted = {
            "argv": words,
            "cwd": str(app.folder),
            "env": {**app.rig.laptop.environment, **app.environment, **env, **asking},
            "out": str(self._out),
            "err": str(self._err),
        }
        self._supervisor = socket.socket(socket.AF_UNIX)
        self._supervisor.connect(str(deployer))
        self._supervisor.sendall(f"{json.dumps(wanted)}\n".encode())
        self._answers = self._supervisor.makefile()
        self._pid = int(self._answers.readline())
        self._code: int | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.wait(0)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended, or so long. Returns whether it has."""
        if self._code is None and select.select([self._supervisor], [], [], seconds)[0]:
            self._code = int(self._answers.readline())
        return self._code is not None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if not self.ended:
            os.kill(self._pid, number)

    def go(
        self,
        at: Point | None = None,
        fault: Callable[[], Iterator[None]] | None = None,
        facts: Callable[[], frozenset[str]] = frozenset,
    ) -> Ended:
        """Let it run to its end. `fault` is begun at the point, while it waits, and finished while it goes on.

        `facts`: asked at each point, for `Point.has`.
        """
        points: list[Point] = []
        doing: Iterator[None] = iter(())
        if connection := self._connected():
            with connection, connection.makefile() as asked, contextlib.suppress(ConnectionError):
                for line in asked:
                    step, phase = line.rstrip("\n").split("\t")
                    points.append(Point(step, phase, facts()))
                    if fault and points[-1] == at:
                        doing = fault()
                        next(doing, None)
                        connection.sendall(f"{ALONE}\n".encode())
                        break
                    connection.sendall(f"{ON}\n".encode())
        for _ in doing:
            pass
        return self.result(points)

    def _connected(self) -> socket.socket | None:
        """Its connection; None if it asks nothing, or ended first."""
        self._listener.settimeout(0.1)
        while self._asks and not self.ended:
            with contextlib.suppress(TimeoutError):
                return self._listener.accept()[0]
        return None

    def result(self, points: list[Point]) -> Ended:
        """Wait for its end."""
        if not self.wait(LONGEST):
            os.kill(self._pid, signal.SIGKILL)
            self.wait(LONGEST)
            self._code = HUNG
        took = time.monotonic() - self._began
        ended = Ended(self._code or 0, self._out.read_text(), self._err.read_text(), took, points)
        for each in (self._supervisor, self._listener):
            each.close()
        self._folder.cleanup()
        return ended
