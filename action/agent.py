"""Holds the SSH key in an agent of this run, and provides the accepted host keys. The key never touches the disk."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from action.errors import ActionError

LIFETIME = "6h"
"""The agent forgets the key after the longest time that a hosted job may take."""
_WITHIN = 10.0
_ROOM = 70


@contextmanager
def agent(key: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """An agent that holds the key during the block; gives SSH_AUTH_SOCK for programs that may use it.

    The agent ends with the `cat` that it runs, and `cat` ends when our end of a pipe closes. So even a killed job
    leaves no agent behind. Raises ActionError.
    """
    if not key:
        yield {}
        return
    # the runner empties its folder after the job, but a socket's path may have only 108 bytes
    above = folder if len(str(folder)) < _ROOM else None
    own = Path(tempfile.mkdtemp(prefix="tagship-agent-", dir=above))
    socket = own / "agent.sock"
    try:
        with _started(socket) as process:
            _wait(socket, process)
            _add(key, socket)
            yield {"SSH_AUTH_SOCK": str(socket)}
    finally:
        shutil.rmtree(own, ignore_errors=True)


@contextmanager
def known_hosts(lines: str, folder: Path) -> Iterator[Mapping[str, str]]:
    """A file of host keys, and the variable that makes it the only accepted one."""
    if not lines:
        yield {}
        return
    with tempfile.NamedTemporaryFile("w", prefix="known-hosts-", dir=folder) as file:
        file.write("\n".join(line.strip() for line in lines.splitlines()) + "\n")
        file.flush()
        yield {"TAGSHIP_KNOWN_HOSTS": file.name}


@contextmanager
def _started(socket: Path) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            ["ssh-agent", "-a", str(socket), "cat"],  # noqa: S607 - whichever the runner has
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise ActionError("ssh-agent is not installed on this runner.", "Install the OpenSSH client.") from None
    try:
        yield process
    finally:
        _end(socket)
        if process.stdin:
            process.stdin.close()
        process.wait()


def _end(socket: Path) -> None:
    """Let the agent forget the key now; it notices the end of its `cat` only within ten seconds."""
    forget = ["ssh-add", "-q", "-D"]
    subprocess.run(forget, env=_environment(socket), stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _wait(socket: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _WITHIN
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ActionError("ssh-agent did not start.", "Check this runner's OpenSSH client.")
        time.sleep(0.005)


def _add(key: str, socket: Path) -> None:
    argv = ["ssh-add", "-q", "-t", LIFETIME, "-"]
    done = subprocess.run(argv, input=key, env=_environment(socket), capture_output=True, text=True, check=False)
    if done.returncode:
        # ssh-add prints "error in libcrypto" or asks for a passphrase, but never prints the key
        raise ActionError(
            "`ssh-key` can't be loaded: it is damaged or has a passphrase.",
            "Paste the whole file of a key without a passphrase: ssh-keygen -t ed25519 -N '' -f deploy-key",
        )


def _environment(socket: Path) -> dict[str, str]:
    path = "/usr/local/bin:/usr/bin:/bin"
    return {"SSH_AUTH_SOCK": str(socket), "PATH": path, "SSH_ASKPASS_REQUIRE": "never"}
