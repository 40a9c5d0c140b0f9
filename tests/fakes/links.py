"""A link to an engine, as SSH is one: it may be cut, and made again."""

from pathlib import Path

from tagship.errors import ConnectionFailedError


class Link:
    """One that leads to a socket, and says of every failure that it was cut."""

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

    def cut(self) -> ConnectionFailedError | None:
        """It was."""
        return ConnectionFailedError("The SSH connection was cut.")

    def explain(self, error: Exception) -> ConnectionFailedError:
        """That, and why."""
        return ConnectionFailedError(f"The SSH connection was cut: {error}.")
