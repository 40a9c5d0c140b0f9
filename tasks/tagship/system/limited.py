"""HTTP answers that must end in time; a socket's own timeout is for each part, so an answer that trickles keeps it."""

import http.client
import io
import socket
import time
from typing import Any

LEAST = 0.001
"""Seconds that a socket gets when the time is over; 0 would mean something else."""


class Response(http.client.HTTPResponse):
    """The timeout that its socket has at the beginning is for head and body together. Raises TimeoutError."""

    def __init__(self, sock: socket.socket, *rest: Any, **more: Any) -> None:  # noqa: ANN401 - as it is called
        super().__init__(sock, *rest, **more)
        if within := sock.gettimeout():
            self.fp = io.BufferedReader(_Limited(sock, self.fp.detach(), time.monotonic() + within))


class _Limited(io.RawIOBase):
    """What a socket receives until a moment of the monotonic clock."""

    def __init__(self, sock: socket.socket, source: io.RawIOBase, end: float) -> None:
        self._sock, self._source, self._end = sock, source, end

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - as io has it
        """Raises TimeoutError also when more is there already."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(max(LEAST, left))
        read: int | None = self._source.readinto(buffer)
        return read

    def close(self) -> None:
        """Close the source, for which the socket waits."""
        self._source.close()
        super().close()
