"""The console command, which says at each point of its steps where it is, and goes on when it is told to.

A point is a step and `before`, `during` or `after`: `during` is when its first request or program was sent off. Steps
are whatever is shown as one, and what no plan contains: taking the lock and giving it back, observing, and the edge.
"""

import contextlib
import functools
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tagship import cli
from tagship.commands import orders_back  # noqa: F401 - with all that it imports, which takes a second
from tagship.edge import caddy
from tagship.engine.transport import Hijacked
from tagship.reporting.progress import Progress
from tagship.server.lease import Lease
from tagship.server.target import LockedServer

SOCKET = "TAGSHIP_FAULTS_SOCKET"
BEFORE, DURING, AFTER = "before", "during", "after"
ON, ALONE = "on", "alone"
"""Answers: go on and ask at the next point; go on, and never ask again."""
_NAMES = (
    (re.compile(r"\b[a-z0-9-]+-[0-9a-f]{8}-[0-9a-f]{6}\b"), "a release"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{8,40}\b"), "a commit"),
    (re.compile(r"\bssh://\S+"), "the server"),
    (re.compile(r"\bfile://\S+|\bs3://\S+"), "the store"),
    (re.compile(r"\bbackup \d{8}T\d{6}Z-[0-9a-f]+"), "a backup"),
    (re.compile(r"\b\w+_restore_\w+"), "a new database"),
    (re.compile(r"\bfaults\d-host\d\b"), "the environment"),
)


class Points:
    """Asks at each point; one thread at a time."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._answers = self._socket.makefile()
        self._asking = threading.Lock()
        self._asks = True
        self._seen: Counter[str] = Counter()
        self._steps: list[str] = []
        self._under_way: set[str] = set()
        self._aside = threading.local()

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A step, with the point before it and, unless it fails, the one after it."""
        name = plain(text)
        self._seen[name] += 1
        if self._seen[name] > 1:
            name = f"{name} ({self._seen[name]})"
        self._ask(name, BEFORE)
        self._steps.append(name)
        try:
            yield
        finally:
            self._steps.remove(name)
        self._ask(name, AFTER)

    def sent(self) -> None:
        """Something was sent off: the first time in a step, it is under way."""
        name = self._steps[-1] if self._steps else ""
        if name and name not in self._under_way and not getattr(self._aside, "now", False):
            self._under_way.add(name)
            self._ask(name, DURING)

    def aside(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose requests belong to no step: the looks at the lock."""

        @functools.wraps(function)
        def quiet(*words: object, **named: object) -> object:
            self._aside.now = True
            try:
                return function(*words, **named)
            finally:
                self._aside.now = False

        return quiet

    def _ask(self, step: str, phase: str) -> None:
        with self._asking:
            if not self._asks:
                return
            self._asks = False  # a signal may end the wait for the answer
            self._socket.sendall(f"{step}\t{phase}\n".encode())
            self._asks = self._answers.readline().strip() == ON


def plain(text: str) -> str:
    """A step's name without those of releases, commits and backups, which another run of the command doesn't have."""
    for pattern, name in _NAMES:
        text = pattern.sub(name, text)
    return text


def watch(points: Points) -> None:
    """Put the points into the program."""
    shown = Progress.step

    @contextlib.contextmanager
    def step(progress: Progress, text: str) -> Iterator[None]:
        with points.step(text), shown(progress, text):
            yield

    def around(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*words: object, **named: object) -> object:
            with points.step(name):
                return function(*words, **named)

        return inside

    def then(function: Callable[..., Any], *, first: bool = False) -> Callable[..., Any]:
        @functools.wraps(function)
        def sent(*words: object, **named: object) -> object:
            if first:
                points.sent()
            done = function(*words, **named)
            if not first:
                points.sent()
            return done

        return sent

    changes: list[tuple[Any, str, Callable[..., Any]]] = [
        (Progress, "step", step),
        (Lease, "__enter__", around("Take the lock", Lease.__enter__)),
        (Lease, "__exit__", around("Give the lock back", Lease.__exit__)),
        *((Lease, name, points.aside(getattr(Lease, name))) for name in ("_still_ours", "_renewed")),
        (LockedServer, "observe", around("Observe", LockedServer.observe)),
        (caddy, "ensure", around("Ensure that the edge runs", caddy.ensure)),
        (http.client.HTTPConnection, "getresponse", then(http.client.HTTPConnection.getresponse, first=True)),
        (Hijacked, "write", then(Hijacked.write)),
        (subprocess.Popen, "__init__", then(subprocess.Popen.__init__)),
    ]
    for place, name, function in changes:
        setattr(place, name, function)


def serve(path: str) -> None:
    """Wait with everything imported, which takes a second; run each command that is asked for in a process of its own.

    A request is a line of JSON: `argv`, `cwd`, `env`, `out`, `err`. The answers are the process, then its exit code.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asked, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _supervise(asked)
            os._exit(0)
        asked.close()


def _supervise(asked: socket.socket) -> None:
    with contextlib.suppress(OSError):
        wanted = json.loads(asked.makefile().readline())
        if (command := os.fork()) == 0:
            asked.close()
            _become(**wanted)
        asked.sendall(f"{command}\n".encode())
        asked.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])}\n".encode())


def _become(argv: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """Be the command, as if it had just been started."""
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(env)
        tempfile.tempdir = None  # found out again, from TMPDIR
        for number, name in enumerate((os.devnull, out, err)):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), number)
        sys.argv = ["tagship", *argv]
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except KeyboardInterrupt:
        traceback.print_exc()
        code = -signal.SIGINT
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.main_thread():
                thread.join()
        os._exit(code & 0xFF)


def main() -> None:
    """Run the command line."""
    if path := os.environ.pop(SOCKET, ""):
        watch(Points(path))
    cli.main()


if __name__ == "__main__":
    serve(sys.argv[1])
