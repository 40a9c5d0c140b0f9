"""The way to a server's engine for as long as a command runs: an SSH connection, made again when it was cut."""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tagship.errors import ConnectionFailedError
from tagship.server.ssh import REMOTE_SOCKET, Connection

RECONNECT_WITHIN = 20.0
"""Seconds in which a connection that was cut is made again, or given up."""
_PAUSE = 0.5


class Tunnel:
    """The `Link` to a server's engine."""

    def __init__(self, engine: str, *, lends: bool = False) -> None:
        self.engine = engine
        self._lends = lends
        self._mending = threading.Lock()
        self._given_up: ConnectionFailedError | None = None
        self._idles = True
        self._connection = Connection(engine, lends=lends)

    def wait(self) -> Path:
        """Block until it is made; returns the near end of the server's Docker socket. Raises ConnectionFailedError."""
        try:
            return self._connection.wait()
        except ConnectionFailedError:
            if not self._connection.may_not_idle:
                raise
        self._renew()
        return self._connection.wait()

    def socket(self) -> Path:
        """The near end, of a new connection where the old one was cut. Raises ConnectionFailedError."""
        if not self._connection.alive:
            with self._mending:
                if not self._connection.alive:
                    self._mend()
        return self._connection.socket

    def lend(self, port: int) -> int:
        """Let the server reach a port of this machine's loopback, if that was asked for. Returns its port there."""
        if not self._lends:
            return port
        self.socket()
        return self._connection.lend(port)

    def cut(self, within: float = 0.1) -> ConnectionFailedError | None:
        """What to say when the connection is gone, or goes now; None while it stands."""
        return self._was_cut(self._connection.said()) if self._connection.ended(within) else None

    def explain(self, error: Exception) -> ConnectionFailedError:
        """What to say of a call that failed: the connection is gone, or the user may not use Docker's socket."""
        if cut := self.cut(_PAUSE):
            return cut
        if isinstance(error, FileNotFoundError):  # the near end went with ssh; another thread has made a new one since
            return self._was_cut("")
        user = urlsplit(self.engine).username or "the SSH user"
        if "open failed" in self._connection.said():
            return ConnectionFailedError(
                f"{self.engine} is reached, but {user} can't open {REMOTE_SOCKET} there.",
                hint=f"is Docker running? may {user} use it? `sudo usermod -aG docker {user}` puts them in its group",
            )
        return ConnectionFailedError(
            f"Docker at {self.engine} doesn't answer: {str(error) or type(error).__name__}.",
            hint="is it running there?",
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
        why = said or "ssh ended without a word"
        return ConnectionFailedError(
            f"The SSH connection to {self.engine} was cut: {why}.", hint="is the network well, and sshd running there?"
        )

    def _mend(self) -> None:
        if self._given_up:
            raise self._given_up
        deadline = time.monotonic() + RECONNECT_WITHIN
        while True:
            self._renew()
            try:
                self._connection.wait(max(_PAUSE, deadline - time.monotonic()))
            except ConnectionFailedError as error:
                if time.monotonic() + _PAUSE > deadline:
                    self._given_up = error
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def _renew(self) -> None:
        idles = self._idles = self._idles and not self._connection.may_not_idle
        self._connection.close()
        self._connection = Connection(self.engine, lends=self._lends, idles=idles)
