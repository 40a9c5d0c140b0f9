"""One SSH connection per deploy: OpenSSH itself, forwarding the server's Docker socket to one on this machine.

OpenSSH, so that ~/.ssh/config, agents, hardware keys, ProxyJump and known_hosts hold. Host keys are always checked.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tagship.errors import ConfigError, ConnectionFailedError, ToolError
from tagship.system import programs
from tagship.system.scratch import Scratch

REMOTE_SOCKET = "/var/run/docker.sock"
CONNECT_WITHIN = 30.0
KNOWN_HOSTS = "TAGSHIP_KNOWN_HOSTS"
"""Names the only file whose host keys count; without it OpenSSH's own files do."""
POLL = 0.005
_SSH_FAILED = 255

_HINTS = {
    "Host key verification failed": "check the server's key, then add it: ssh-keyscan {host} >> ~/.ssh/known_hosts",
    "Permission denied": "is {user} the right user, your key in its authorized_keys, and loaded (ssh-add -l)?",
    "Could not resolve hostname": "is the host name in `engine` right?",
    "administratively prohibited": "the server's sshd must allow stream-local forwarding (AllowStreamLocalForwarding)",
}

_TIED = """
exec 3<&0 </dev/null
{ trap '' TERM; read -r _ <&3; kill -TERM 0; rm -rf "$0"; } &
exec "$@" <&3 3<&-
"""
"""Becomes ssh, and leaves a watcher that reads from us: at the end of that pipe, which even SIGKILL brings about, it
ends everything of its process group (ssh, and what ssh started) and removes the folder."""


class Connection:
    """One `ssh` process, its life tied to ours. `socket` is the near end of the server's Docker socket.

    `idles`: it runs a command there that waits for its end. sshd sends small packets at once (TCP_NODELAY) only when a
    command runs; with `-N` alone, what comes in two parts takes 40 ms longer, for the second waits for an ACK.
    """

    def __init__(self, engine: str, *, lends: bool = False, idles: bool = True) -> None:
        url = _address(engine)
        program = shutil.which("ssh")
        if program is None:
            raise ToolError("ssh is not installed.", hint="install the OpenSSH client")
        self._engine = engine
        self._scratch = Scratch()
        self.socket = self._scratch.path / "docker.sock"
        self._control = self._scratch.path / "control"
        self._ssh = program
        self._host = str(url.hostname)
        self._lent: dict[int, int] = {}
        self._errors = (self._scratch.path / "ssh.log").open("w+")
        silent, command = ([], ["cat"]) if idles else (["-N"], [])
        argv = [program, *silent, "-T", *self._options(url, lends=lends), "--", self._host, *command]
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _TIED, str(self._scratch.path), *argv],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors,
            env=programs.environment(), start_new_session=True,
        )  # fmt: skip

    @property
    def alive(self) -> bool:
        """Whether ssh runs; what it forwards may be refused all the same."""
        return self._process.poll() is None

    @property
    def may_not_idle(self) -> bool:
        """Whether it ended with a command's exit code instead of ssh's own, 255: this user may run no command there."""
        code = self._process.poll()
        return code is not None and 0 <= code < _SSH_FAILED

    def wait(self, within: float = CONNECT_WITHIN) -> Path:
        """Block until the socket takes connections; returns it. Raises ConnectionFailedError with what ssh said."""
        deadline = time.monotonic() + within
        while not _accepts(self.socket):
            if not self.alive or time.monotonic() > deadline:
                said = self.said() or "no answer"
                self.close()
                raise ConnectionFailedError(f"SSH to {self._engine} failed: {said}.", hint=hint(self._engine, said))
            time.sleep(POLL)
        return self.socket

    def lend(self, port: int) -> int:
        """Let the server reach a port of this machine's loopback, until the end. Returns the port it has there.

        The server chooses it, so no other connection can have it. Raises ConnectionFailedError.
        """
        if port not in self._lent:
            forward = ["-O", "forward", "-R", f"127.0.0.1:0:127.0.0.1:{port}"]
            argv = [self._ssh, "-o", f"ControlPath={self._control}", *forward, "--", self._host]
            self._lent[port] = int(programs.run(argv, fails_as=ConnectionFailedError).out)
        return self._lent[port]

    def ended(self, within: float) -> bool:
        """Whether ssh has ended, or does so soon."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def said(self) -> str:
        """The last lines that ssh wrote."""
        if self._errors.closed:
            return ""
        self._errors.seek(0)
        lines = [line.strip().rstrip(".") for line in self._errors.read().splitlines() if line.strip()]
        return "; ".join(dict.fromkeys(lines[-3:]))

    def close(self) -> None:
        """End it, and remove its folder."""
        if self._process.stdin:
            self._process.stdin.close()
        if not self.ended(within=5):
            self._process.kill()
            self._process.wait()
        self._errors.close()
        self._scratch.remove()

    def _options(self, url: SplitResult, *, lends: bool) -> list[str]:
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "ExitOnForwardFailure": "yes",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
            # shared with nobody: its end is ours to decide; a master of its own where a port may be lent later
            "ControlMaster": "yes" if lends else "no",
            "ControlPath": str(self._control) if lends else "none",
            "ControlPersist": "no",
            "StreamLocalBindUnlink": "yes",
            "RemoteCommand": "none",
        }
        if known := os.environ.get(KNOWN_HOSTS):
            # OpenSSH expands ~ from the password file, not from HOME: a CI job names its file here
            options |= {"UserKnownHostsFile": f'"{known}"', "GlobalKnownHostsFile": "/dev/null"}
        chosen = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        port = ["-p", str(url.port)] if url.port else []
        user = ["-l", url.username] if url.username else []
        return [*chosen, *port, *user, "-L", f"{self.socket}:{REMOTE_SOCKET}"]


def hint(engine: str, said: str) -> str:
    """What to do about what ssh said; empty for what nobody has met."""
    url = urlsplit(engine)
    known = {"host": url.hostname, "user": url.username or "yours"}
    return next((hint.format_map(known) for words, hint in _HINTS.items() if words in said), "")


def _address(engine: str) -> SplitResult:
    """Raises ConfigError for one that ssh would take for an option, or that has no host or port."""
    url = urlsplit(engine)
    if not url.hostname or url.hostname.startswith("-") or (url.username or "").startswith("-"):
        raise ConfigError(f"{engine!r} names no host.", hint="write ssh://USER@HOST[:PORT]")
    try:
        _ = url.port
    except ValueError:
        raise ConfigError(f"{engine!r} has no valid port.", hint="write ssh://USER@HOST[:PORT]") from None
    return url


def _accepts(path: Path) -> bool:
    """Whether somebody listens on a socket: ssh makes its file an instant before it does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        return attempt.connect_ex(str(path)) == 0
