"""The engine on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tagship.engine.client import Engine
from tagship.errors import ToolError
from tagship.system import programs

DEFAULT_SOCKET = Path("/var/run/docker.sock")


@contextmanager
def local_engine() -> Iterator[Engine]:
    """Connect to this machine's engine."""
    engine = Engine(local_socket())
    engine.connect()
    try:
        yield engine
    finally:
        engine.close()


def local_socket() -> Path:
    """This machine's Docker socket: DOCKER_HOST, otherwise the default one, otherwise the current Docker context's.

    Raises ToolError if DOCKER_HOST is on another machine.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if host.startswith("unix://"):
        return Path(host.removeprefix("unix://"))
    if host:
        raise ToolError(f"DOCKER_HOST is {host}.", hint="unset it: images are built by an engine on this machine")
    if DEFAULT_SOCKET.exists():
        return DEFAULT_SOCKET
    address = programs.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).out.strip()
    return Path(address.removeprefix("unix://"))
