"""One SSH connection per deploy, by OpenSSH, which forwards the server's Docker socket to one on this machine.

With OpenSSH, ~/.ssh/config, agents, hardware keys, ProxyJump and known_hosts work as usual. Host keys are always
checked.
"""

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tagship.errors import ConfigError, ConnectionFailedError
from tagship.system import openssh, programs
from tagship.system.scratch import Scratch

REMOTE_SOCKET = "/var/run/docker.sock"
"""Where the engine listens, unless its URL has a path."""
CONNECT_WITHIN = 30.0
POLL = 0.005
_LONGEST = 108 if sys.platform == "linux" else 104
"""Bytes of a socket's path, its final zero included (unix(7))."""
_SUFFIX = 17
"""Bytes that ssh appends to ControlPath while it binds it."""

_HINTS = {
    "has changed and you have requested": "check why the server has another key; only if you know, remove the old one: "
    "ssh-keygen -R {host}",
    "Host key verification failed": "check the server's key, then add it: ssh-keyscan {host} >> ~/.ssh/known_hosts",
    "Permission denied": "check the user ({user}), its authorized_keys, and that your key is loaded (ssh-add -l)",
    "Could not resolve hostname": "check the host name in `engine`",
    "administratively prohibited": "allow stream-local forwarding in the server's sshd (AllowStreamLocalForwarding)",
    "Connection refused": "check that sshd runs there, and the port in `engine`",
    "timed out": "check the address in `engine`, and that no firewall is in between",
    "No route to host": "check the address in `engine`, and this machine's network",
}

_TIED = """
host=$1; shift
exec 3<&0 </dev/null
{
    trap '' TERM
    if read -r _ <&3; then
        "$1" -T -o ControlPath="$0/control" -o ProxyCommand=false -o RemoteCommand=none \\
            -- "$host" true >/dev/null 2>&1 3<&- &
        read -r _ <&3
    fi
    kill -TERM 0; rm -rf "$0"
} &
exec "$@" 3<&-
"""
"""Becomes ssh, and leaves a watcher that reads from a pipe of ours.

At the first line from there it has a second ssh run a command over the connection of the first, never over its own.
When the pipe closes, even after SIGKILL, the watcher ends everything in its process group (ssh, and what ssh started)
and removes the folder.
"""


class Connection:
    """One `ssh` process that ends when this process does. `socket` is the local end of Docker's socket, `there`."""

    def __init__(self, engine: str) -> None:
        url = _address(engine)
        program = openssh.program()
        self._engine = engine
        self.there = url.path.rstrip("/") or REMOTE_SOCKET
        self._scratch = Scratch()
        self.socket = self._scratch.path / "docker.sock"
        self._control = self._scratch.path / "control"
        self._ssh = program
        self._host = str(url.hostname)
        self._lent: dict[int, int] = {}
        self._dialled: set[str] = set()
        self._dialling = threading.Lock()
        self._connected = False
        self._errors = (self._scratch.path / "ssh.log").open("w+")
        argv = [program, "-N", "-T", *self._options(url), "--", self._host]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED, str(self._scratch.path), self._host, *argv],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors,
            env=programs.environment(), start_new_session=True,
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether ssh runs; its forwarding may still be refused."""
        return self._process.poll() is None

    @property
    def works(self) -> bool:
        """Whether it was connected, and ssh still runs."""
        return self._connected and self.alive

    def wait(self, within: float = CONNECT_WITHIN) -> Path:
        """Wait until the socket accepts connections; returns it. Raises ConnectionFailedError with ssh's message."""
        deadline = time.monotonic() + within
        while not _accepts(self.socket):
            if not self.alive or time.monotonic() > deadline:
                said = self.said() or "no answer"
                self.close()
                raise ConnectionFailedError(f"SSH to {self._engine} failed: {said}.", hint=hint(self._engine, said))
            time.sleep(POLL)
        if not self._connected:
            self._connected = True
            self._have_small_packets_sent()
        return self.socket

    def lend(self, port: int) -> int:
        """Forward a port of this machine's loopback to the server, until the end. Returns the port there.

        The server chooses the port, so no other connection can have it. Raises ConnectionFailedError.
        """
        if port not in self._lent:
            self._lent[port] = int(self._forward(["-R", f"127.0.0.1:0:127.0.0.1:{port}"]))
        return self._lent[port]

    def dial(self, host: str, port: int) -> socket.socket:
        """A connection to an address that the server reaches. Raises ConnectionFailedError."""
        key = f"{host}-{port}"
        path = self._scratch.path / key
        with self._dialling:
            if key not in self._dialled:
                self._forward(["-L", f"{path}:{host}:{port}"])
                self._dialled.add(key)
        there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        there.connect(str(path))
        return there

    def ended(self, within: float) -> bool:
        """Whether ssh has ended, or ends soon."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def said(self) -> str:
        """The last lines that ssh wrote; nothing once it is closed, which another thread may do at any moment."""
        try:
            self._errors.seek(0)
            written = self._errors.read()
        except ValueError:
            return ""
        lines = [line.strip().rstrip(".") for line in written.splitlines() if line.strip()]
        return "; ".join(dict.fromkeys(lines[-3:]))

    def close(self) -> None:
        """End ssh, and remove its folder."""
        if self._process.stdin:
            self._process.stdin.close()
        if not self.ended(within=5):
            self._process.kill()
            self._process.wait()
        self._errors.close()
        self._scratch.remove()

    def _forward(self, what: list[str]) -> str:
        """Ask the running ssh to forward something. Returns what it prints."""
        argv = [self._ssh, "-o", f"ControlPath={self._control}", "-O", "forward", *what, "--", self._host]
        return programs.run(argv, fails_as=ConnectionFailedError).out

    def _have_small_packets_sent(self) -> None:
        """Have the watcher run `true` on the server; nobody waits for it, and it may fail.

        sshd sends small packets at once (TCP_NODELAY) from the first command on that a connection runs. With `-N`
        alone, data in two parts takes 40 ms longer, because the second part waits for an ACK. A user who may not run
        commands there is served as well, only slower.
        """
        if self._shares and self._process.stdin:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()

    @property
    def _shares(self) -> bool:
        """Whether there is room for the name of a socket by which other ssh processes may use this connection."""
        return len(str(self._control)) + _SUFFIX < _LONGEST

    def _options(self, url: SplitResult) -> list[str]:
        options = {
            "ExitOnForwardFailure": "yes",
            # not shared, because we control its end; a master of its own if a port may be forwarded later
            "ControlMaster": "yes" if self._shares else "no",
            "ControlPath": str(self._control) if self._shares else "none",
            "ControlPersist": "no",
            "StreamLocalBindUnlink": "yes",
        }
        return [*openssh.options(url, options), "-L", f"{self.socket}:{self.there}"]


def hint(engine: str, said: str) -> str:
    """The hint for ssh's message."""
    url = urlsplit(engine)
    known = {"host": url.hostname, "user": url.username or "yours"}
    return next(
        (hint.format_map(known) for words, hint in _HINTS.items() if words in said),
        f"try `ssh {url.hostname}` to see why",
    )


def _address(engine: str) -> SplitResult:
    """Parse an engine's URL. Raises ConfigError if ssh would read it as an option, or for a bad host, port or path."""
    url = urlsplit(engine)
    if not url.hostname or url.hostname.startswith("-") or (url.username or "").startswith("-"):
        raise ConfigError(f"{engine!r} has no host.", hint="write ssh://USER@HOST[:PORT]")
    try:
        _ = url.port
    except ValueError:
        raise ConfigError(f"{engine!r} has no valid port.", hint="write ssh://USER@HOST[:PORT]") from None
    if not re.fullmatch(r"[\w./-]*", url.path, re.ASCII):  # a colon would end it in ssh's own words
        raise ConfigError(
            f"{engine!r}: a socket's path has only letters, digits and . _ - /.", hint="write ssh://USER@HOST/PATH"
        )
    return url


def _accepts(path: Path) -> bool:
    """Whether a program listens on a socket; ssh creates its file shortly before it listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        return attempt.connect_ex(str(path)) == 0
