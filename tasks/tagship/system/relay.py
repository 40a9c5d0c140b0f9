"""Listens on a port of this machine's loopback and passes every connection on."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tagship.errors import TagshipError, UsageError
from tagship.system.threads import Thread

LOOPBACK = "127.0.0.1"
_CHUNK = 1 << 16


@contextmanager
def listening(port: int, dial: Callable[[], socket.socket], tell: Callable[[str], object]) -> Iterator[int]:
    """Pass connections on to what `dial` gives, during the block. Returns the port; any free one for 0.

    `tell`: why a connection wasn't passed on. Raises UsageError if the port is taken.
    """
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((LOOPBACK, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} of this machine can't be used: {error.strerror}.", hint="give another one"
            ) from None
        except OverflowError:
            raise UsageError(f"{port} is no port.", hint="give one from 1 to 65535") from None
        server.listen()
        Thread(target=_accept, args=(server, dial, tell), name="tagship-relay", daemon=True).start()
        yield server.getsockname()[1]


def _accept(server: socket.socket, dial: Callable[[], socket.socket], tell: Callable[[str], object]) -> None:
    with contextlib.suppress(OSError):  # closed at the end of the block
        while True:
            here, _ = server.accept()
            Thread(target=_pass_on, args=(here, dial, tell), name="tagship-relay", daemon=True).start()


def _pass_on(here: socket.socket, dial: Callable[[], socket.socket], tell: Callable[[str], object]) -> None:
    with here:
        try:
            there = dial()
        except (TagshipError, OSError) as error:
            tell(getattr(error, "problem", None) or f"{error.strerror}")  # type: ignore[union-attr]
            return
        with there:
            back = Thread(target=_copy, args=(there, here), name="tagship-relay", daemon=True)
            back.start()
            _copy(here, there)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends its output; then the target's input ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
