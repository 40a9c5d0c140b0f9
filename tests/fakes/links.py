"""A link to an engine, like SSH: it may break and reconnect."""

import socket as sockets
from pathlib import Path

from tagship.errors import ConnectionFailedError


class Link:
    """Leads to a socket, and reports every failure as a broken connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lent: list[int] = []

    def socket(self) -> Path:
        """Where the engine's socket is now."""
        return self.path

    def lend(self, port: int) -> int:
        """Another port."""
        self.lent.append(port)
        return 43121

    def dial(self, host: str, port: int) -> sockets.socket:
        """Nothing is reached."""
        raise ConnectionFailedError(f"{host}:{port} was cut.")

    def cut(self) -> ConnectionFailedError | None:
        """The error: this link is broken."""
        return ConnectionFailedError("The SSH connection was cut.")

    def explain(self, error: Exception) -> ConnectionFailedError:
        """The error with its cause."""
        return ConnectionFailedError(f"The SSH connection was cut: {error}.")
