"""HTTP/1.1 over a unix socket: connections kept alive and shared between threads, and hijacked streams."""

import http.client
import queue
import select
import socket
from pathlib import Path
from typing import BinaryIO


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection whose address is a path."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    @property
    def ended(self) -> bool:
        """Whether the other end has hung up, as far as is known here."""
        if self.sock is None:
            return False
        try:
            waiting = select.poll()
            waiting.register(self.sock, select.POLLIN)
            return bool(waiting.poll(0)) and not self.sock.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


class Pool:
    """Idle connections to one socket; a thread takes one for a request and gives it back."""

    def __init__(self, path: Path, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self._idle: queue.SimpleQueue[UnixConnection] = queue.SimpleQueue()

    def take(self) -> UnixConnection:
        """An idle connection that still stands, or a new one."""
        try:
            while (connection := self._idle.get_nowait()).ended:
                connection.close()
        except queue.Empty:
            return UnixConnection(self.path, self.timeout)
        return connection

    def give(self, connection: UnixConnection) -> None:
        """Put one back whose response has been read to its end."""
        self._idle.put(connection)

    def close(self) -> None:
        """Close what is idle."""
        while not self._idle.empty():
            self._idle.get().close()


class Hijacked:
    """A connection that stopped speaking HTTP: ours to write to, frames of the container's output to read.

    A frame is one byte for the stream (1 stdout, 2 stderr), three of nothing, the length in four, big-endian, then as
    many bytes of output (Docker's API, "Attach to a container: stream format").
    """

    def __init__(self, connection: UnixConnection, reader: BinaryIO, exec_id: str) -> None:
        self.id = exec_id
        self._connection = connection
        self._reader = reader

    @property
    def ended(self) -> bool:
        """Whether the other end has hung up, as far as is known here."""
        return self._connection.ended

    def limit(self, seconds: float) -> None:
        """From now on, reading raises TimeoutError when nothing comes for so long."""
        self._connection.sock.settimeout(seconds)

    def write(self, data: bytes) -> None:
        """Send to the container's stdin. Raises OSError."""
        self._connection.sock.sendall(data)

    def read(self) -> tuple[int, bytes]:
        """The next frame: its stream and its bytes; `(0, b"")` at the end. Raises OSError."""
        head = self._reader.read(8)
        if len(head) < 8:  # noqa: PLR2004 - the frame's header, above
            return 0, b""
        return head[0], self._reader.read(int.from_bytes(head[4:8], "big"))

    def close(self) -> None:
        """Hang up; the container's process sees the end of its stdin."""
        self._reader.close()  # a socket stays open as long as a file made of it is
        self._connection.close()
