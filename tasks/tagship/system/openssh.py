"""OpenSSH's program and the options that every connection gets. Host keys are always checked; nothing is asked."""

import os
import shutil
from collections.abc import Mapping
from urllib.parse import SplitResult

from tagship.errors import ToolError

KNOWN_HOSTS = "TAGSHIP_KNOWN_HOSTS"
"""Names the only file of accepted host keys; without it, OpenSSH uses its own files."""


def program() -> str:
    """Where `ssh` is. Raises ToolError if it isn't installed."""
    found = shutil.which("ssh")
    if found is None:
        raise ToolError("ssh is not installed.", hint="install the OpenSSH client")
    return found


def options(url: SplitResult, more: Mapping[str, str]) -> list[str]:
    """Options for ssh://[USER@]HOST[:PORT], before the host."""
    chosen = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "RemoteCommand": "none",
        **more,
    }
    if known := os.environ.get(KNOWN_HOSTS):
        # OpenSSH expands ~ from the password file, not from HOME, so a CI job names its file here
        chosen |= {"UserKnownHostsFile": f'"{known}"', "GlobalKnownHostsFile": "/dev/null"}
    words = [word for name, value in chosen.items() for word in ("-o", f"{name}={value}")]
    port = ["-p", str(url.port)] if url.port else []
    user = ["-l", url.username] if url.username else []
    return [*words, *port, *user]
