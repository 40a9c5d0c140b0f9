"""How to reach an engine's socket: on this machine, or through a connection that may break."""

import socket as sockets
from pathlib import Path
from typing import Protocol

from tagship.errors import ConnectionFailedError, plain

_DIAL_WITHIN = 10.0


class Link(Protocol):
    """The connection that brings the engine's socket to this machine. It may break."""

    def socket(self) -> Path:
        """The socket's path; reconnects if necessary. Raises ConnectionFailedError."""

    def lend(self, port: int) -> int:
        """Forward a port of this machine's loopback to the engine. Returns the port there."""

    def dial(self, host: str, port: int) -> sockets.socket:
        """A connection to a container's address. Raises ConnectionFailedError or OSError."""

    def cut(self) -> ConnectionFailedError | None:
        """The error if the link is broken; None if it works."""

    def explain(self, error: Exception) -> ConnectionFailedError:
        """The error for a call that failed."""


class Here:
    """The `Link` of an engine on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def socket(self) -> Path:
        """The fixed path."""
        return self._path

    def lend(self, port: int) -> int:
        """The same port, because the engine has the same loopback."""
        return port

    def dial(self, host: str, port: int) -> sockets.socket:
        """A connection to a container's address, which is this machine's own network."""
        return sockets.create_connection((host, port), timeout=_DIAL_WITHIN)

    def cut(self) -> None:
        """None: there is no connection that can break."""

    def explain(self, error: Exception) -> ConnectionFailedError:
        """The error: nothing listens on the socket, or the user may not use it."""
        return ConnectionFailedError(
            f"The engine at {self._path} doesn't answer: {plain(error)}.",
            hint="check that Docker runs there and that you may use its socket",
        )
