"""The way to a server's engine for as long as a command runs: an SSH connection, made again when it was cut."""

import socket as sockets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tagship.errors import ConnectionFailedError, plain
from tagship.server.ssh import Connection

RECONNECT_WITHIN = 20.0
"""Seconds to reconnect after a connection broke."""
_PAUSE = 0.5
_STALE = 3.0
"""Seconds after which a connection that isn't there may have been there."""


class Tunnel:
    """The `Link` to a server's engine."""

    def __init__(self, engine: str, *, lends: bool = False) -> None:
        self.engine = engine
        self._lends = lends
        self._mending = threading.Lock()
        self._given_up: ConnectionFailedError | None = None
        self._began = time.monotonic()
        self._connection = Connection(engine)

    def wait(self) -> Path:
        """Wait until connected; returns the local end of the server's Docker socket. Raises ConnectionFailedError."""
        try:
            return self._connection.wait()
        except ConnectionFailedError:
            if time.monotonic() - self._began < _STALE:
                raise
        return self.socket()  # begun long ago, beside a build: it may have been connected, and cut

    def socket(self) -> Path:
        """The local end; reconnects if the connection broke. Raises ConnectionFailedError."""
        if not self._connection.works:
            with self._mending:
                if not self._connection.works:
                    self._mend()
        return self._connection.socket

    def lend(self, port: int) -> int:
        """Forward a port of this machine's loopback to the server, if `lends` was given. Returns the port there."""
        if not self._lends:
            return port
        self.socket()
        return self._connection.lend(port)

    def dial(self, host: str, port: int) -> sockets.socket:
        """A connection to a container's address, through SSH. Raises ConnectionFailedError."""
        self.socket()
        return self._connection.dial(host, port)

    def cut(self, within: float = 0.1) -> ConnectionFailedError | None:
        """The error if the connection is broken, or breaks now; None if it works."""
        return self._was_cut(self._connection.said()) if self._connection.ended(within) else None

    def explain(self, error: Exception) -> ConnectionFailedError:
        """The error for a call that failed: the connection broke, or the user may not use Docker's socket."""
        if cut := self.cut(_PAUSE):
            return cut
        if isinstance(error, FileNotFoundError):  # the local end went away with ssh, and another thread has reconnected
            return self._was_cut("")
        user = urlsplit(self.engine).username or "the SSH user"
        if "open failed" in self._connection.said():
            return ConnectionFailedError(
                f"{self.engine} is reachable, but {user} can't open {self._connection.there} there.",
                hint=f"check that Docker is running; `sudo usermod -aG docker {user}` lets {user} use it",
            )
        return ConnectionFailedError(
            f"Docker at {self.engine} doesn't answer: {plain(error)}.",
            hint="check that it is running there",
        )

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _was_cut(self, said: str) -> ConnectionFailedError:
        why = said or "ssh ended without a message"
        return ConnectionFailedError(
            f"The SSH connection to {self.engine} broke: {why}.",
            hint="check the network, and that sshd is running there",
        )

    def _mend(self) -> None:
        if self._given_up:
            raise self._given_up
        deadline = time.monotonic() + RECONNECT_WITHIN
        while True:
            self._connection.close()
            self._connection = Connection(self.engine)
            try:
                self._connection.wait(max(_PAUSE, deadline - time.monotonic()))
            except ConnectionFailedError as error:
                if time.monotonic() + _PAUSE > deadline:
                    self._given_up = error
                    raise
                time.sleep(_PAUSE)
            else:
                return
