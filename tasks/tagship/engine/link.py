"""How an engine's socket comes to this machine: it is here, or something brings it and may be cut."""

from pathlib import Path
from typing import Protocol

from tagship.errors import ConnectionFailedError


class Link(Protocol):
    """What brings the engine's socket to this machine, and may be cut."""

    def socket(self) -> Path:
        """Where it is, connected again if it was cut. Raises ConnectionFailedError."""

    def lend(self, port: int) -> int:
        """Let the engine reach a port of this machine's loopback. Returns the port it has there."""

    def cut(self) -> ConnectionFailedError | None:
        """What to say when the link is cut; None while it stands."""

    def explain(self, error: Exception) -> ConnectionFailedError:
        """What to say of a call that failed."""


class Here:
    """The `Link` of an engine on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def socket(self) -> Path:
        """Where it always is."""
        return self._path

    def lend(self, port: int) -> int:
        """The engine has the same loopback."""
        return port

    def cut(self) -> None:
        """Nothing is between, so nothing is ever cut."""

    def explain(self, error: Exception) -> ConnectionFailedError:
        """Nobody listens, or nobody may use it."""
        return ConnectionFailedError(
            f"The engine at {self._path} doesn't answer: {str(error) or type(error).__name__}.",
            hint="is Docker running there, and may you use its socket?",
        )
