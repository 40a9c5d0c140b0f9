"""One SSH connection per deploy: OpenSSH itself, forwarding the server's Docker socket to one on this machine.

OpenSSH, so that ~/.ssh/config, agents, hardware keys, ProxyJump and known_hosts hold. Host keys are always checked.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tagship.adapters.programs import environment
from tagship.errors import ConfigError, ConnectionFailedError, TagshipError, ToolError

REMOTE_SOCKET = "/var/run/docker.sock"
CONNECT_WITHIN = 30.0
KNOWN_HOSTS = "TAGSHIP_KNOWN_HOSTS"
"""Names the only file whose host keys count; without it OpenSSH's own files do."""
POLL = 0.005

_HINTS = {
    "Host key verification failed": "check the server's key, then add it: ssh-keyscan {host} >> ~/.ssh/known_hosts",
    "Permission denied": "is your key in the server's authorized_keys, and loaded (ssh-add -l)?",
    "Could not resolve hostname": "is the host name in `engine` right?",
    "administratively prohibited": "the server's sshd must allow stream-local forwarding (AllowStreamLocalForwarding)",
}


class Tunnel:
    """An SSH connection whose far end is the server's Docker socket. `socket` is the near end."""

    def __init__(self, engine: str, reverse_port: int = 0) -> None:
        self.engine = engine
        self.forwards = 2 if reverse_port else 1
        self._folder = Path(tempfile.mkdtemp(prefix="tagship-"))
        self.socket = self._folder / "docker.sock"
        self._errors = (self._folder / "ssh.log").open("w+")
        try:
            self._process = subprocess.Popen(
                self._argv(reverse_port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
                env=environment(), start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            self._clean()
            raise ToolError("ssh is not installed.", hint="install the OpenSSH client") from None
        except TagshipError:
            self._clean()
            raise

    def wait(self) -> Path:
        """Block until the socket is there; returns it. Raises ConnectionFailedError with what ssh said."""
        deadline = time.monotonic() + CONNECT_WITHIN
        while not self.socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self._said()
                self.close()
                raise ConnectionFailedError(f"SSH to {self.engine} failed: {said}.", hint=self._hint(said))
            time.sleep(POLL)
        return self.socket

    def close(self) -> None:
        """End the connection and remove the socket."""
        self._process.terminate()
        self._process.wait()
        self._clean()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _argv(self, reverse_port: int) -> list[str]:
        url = urlsplit(self.engine)
        if not url.hostname or url.hostname.startswith("-") or (url.username or "").startswith("-"):
            raise ConfigError(f"{self.engine!r} names no host.", hint="write ssh://USER@HOST[:PORT]")
        try:
            port = ["-p", str(url.port)] if url.port else []
        except ValueError:
            raise ConfigError(f"{self.engine!r} has no valid port.", hint="write ssh://USER@HOST[:PORT]") from None
        user = ["-l", url.username] if url.username else []
        reverse = ["-R", f"127.0.0.1:{reverse_port}:127.0.0.1:{reverse_port}"] if reverse_port else []
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "ExitOnForwardFailure": "yes",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "3",
            "ControlPath": "none",
            "StreamLocalBindUnlink": "yes",
        }
        if known := os.environ.get(KNOWN_HOSTS):
            # OpenSSH expands ~ from the password file, not from HOME: a CI job names its file here
            options |= {"UserKnownHostsFile": f'"{known}"', "GlobalKnownHostsFile": "/dev/null"}
        chosen = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        forward = ["-L", f"{self.socket}:{REMOTE_SOCKET}"]
        return ["ssh", "-N", "-T", *chosen, *port, *user, *forward, *reverse, "--", url.hostname]

    def _said(self) -> str:
        self._errors.seek(0)
        lines = [line.strip().rstrip(".") for line in self._errors.read().splitlines() if line.strip()]
        return "; ".join(lines[-3:]) or "no answer"

    def _hint(self, said: str) -> str:
        host = urlsplit(self.engine).hostname
        return next((hint.format(host=host) for words, hint in _HINTS.items() if words in said), "")

    def _clean(self) -> None:
        self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)
