"""Docker's own Python client on one socket. Imported only when an engine is used, because it loads 250 modules."""

import contextlib
import socket
from pathlib import Path
from typing import Any, BinaryIO

import requests
from docker.api.client import APIClient
from docker.errors import APIError, DockerException
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.util.wait import wait_for_read

from tagship.errors import ConfigError

__all__ = ["FAILURES", "APIError", "Client", "Hijacked"]

FAILURES = (OSError, HTTPError)
"""Errors of a broken connection: requests' errors are OSErrors, urllib3's come from answers that are read raw."""
CONNECTIONS = 100
"""How many idle connections are kept; a deploy makes as many calls at once as there are containers."""
_ANY = "http+docker://localhost"


class Client(APIClient):
    """Docker's client, with one kept-alive connection for each thread that makes calls at the same time."""

    def __init__(self, path: Path, version: str, timeout: float, connections: UnixHTTPAdapter | None = None) -> None:
        try:
            super().__init__(f"unix://{path}", version, timeout=int(timeout))
        except (DockerException, ValueError, TypeError, AttributeError) as error:
            # it reads that file even if no credentials are needed
            raise ConfigError(f"Docker's config.json can't be read: {error}.", hint="correct its `auths`") from None
        self.path = path
        self.connections = connections or Connections(path, int(timeout))
        self.mount("http+docker://", self.connections)
        # a unix socket needs neither a proxy nor a password from ~/.netrc
        self.trust_env = False


class Connections(UnixHTTPAdapter):
    """One pool for all paths. docker-py has a pool per URL, so that a connection would serve only one path."""

    def __init__(self, path: Path, timeout: int) -> None:
        super().__init__(str(path), timeout, max_pool_size=CONNECTIONS)
        self.pools[_ANY] = _Pool(_ANY, str(path), timeout, maxsize=CONNECTIONS)

    def get_connection(self, url: bytes | str, proxies: object = None) -> UnixHTTPConnectionPool:
        """The pool, whatever the path."""
        del url
        return super().get_connection(_ANY, proxies)


class _Pool(UnixHTTPConnectionPool):
    """Drops closed connections. After a stream was left early, urllib3 would keep one and reconnect it when used."""

    def _put_conn(self, conn: HTTPConnection | None) -> None:  # type: ignore[override] # its base isn't exported
        if conn and conn.is_connected:
            super()._put_conn(conn)
        elif conn:
            conn.close()


class Hijacked:
    """A hijacked connection: we write to the container's stdin and read frames of its output.

    A frame is one byte for the stream (1 stdout, 2 stderr), three zero bytes, the length in four bytes, big-endian,
    then the output (Docker's API, "Attach to a container: stream format"). docker-py's `frames_iter` reads only from
    the socket: it loses frames that came with the answer's head, and has no time limit.
    """

    def __init__(self, started: Any, exec_id: str) -> None:  # noqa: ANN401 - types-docker has a union of all platforms'
        """`started`: what `exec_start(socket=True)` returns."""
        self.id = exec_id
        # docker-py's internals: the answer, and the reader that may have read frames along with the answer's head
        self._response: requests.Response = started._response  # noqa: SLF001
        self._reader: BinaryIO = self._response.raw._fp.fp  # noqa: SLF001
        self._socket: socket.socket = self._response.raw.connection.sock

    @property
    def ended(self) -> bool:
        """Whether the other end has closed the connection, as far as we know."""
        try:
            return wait_for_read(self._socket, timeout=0) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def limit(self, seconds: float | None) -> None:
        """From now on, reading raises TimeoutError if nothing comes for so long; with None it waits for ever."""
        self._socket.settimeout(seconds)

    def write(self, data: bytes) -> None:
        """Send to the container's stdin. Raises OSError."""
        self._socket.sendall(data)

    def end_input(self) -> None:
        """End the program's stdin; its output can still be read. Raises OSError."""
        self._socket.shutdown(socket.SHUT_WR)

    def read(self) -> tuple[int, bytes]:
        """The next frame: its stream and its bytes; `(0, b"")` at the end. Raises OSError."""
        head = self._reader.read(8)
        if len(head) < 8:  # noqa: PLR2004 - the frame's header, above
            return 0, b""
        return head[0], self._reader.read(int.from_bytes(head[4:8], "big"))

    def read_some(self) -> bytes:
        """What a program with a terminal prints next, without frames; empty at the end. Raises OSError."""
        return self._reader.read1(1 << 16)  # type: ignore[attr-defined,no-any-return] # it's buffered

    def close(self) -> None:
        """Close the connection; the container's process sees the end of its stdin, and a thread that reads the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # otherwise closing waits for a thread that reads
        self._response.close()
