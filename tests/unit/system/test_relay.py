"""A port of this machine that leads elsewhere."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tagship.errors import CheckError, UsageError
from tagship.system import relay


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, int]]:
    """What answers with the same in capitals, once its client has ended its input."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    there, _ = server.accept()
                except OSError:
                    return
                with there, there.makefile("rb") as read:
                    there.sendall(read.read().upper())

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()


def asked(port: int, words: bytes) -> bytes:
    """What is answered, after the input's end."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as here:
        here.sendall(words)
        here.shutdown(socket.SHUT_WR)
        with here.makefile("rb") as answer:
            return answer.read()


def test_every_connection_is_passed_on_both_ways_to_its_end(elsewhere: tuple[str, int]) -> None:
    with relay.listening(0, lambda: socket.create_connection(elsewhere), print) as port:
        assert [asked(port, words) for words in (b"one", b"two" * 100_000)] == [b"ONE", b"TWO" * 100_000]


def test_a_connection_that_cannot_be_made_is_told() -> None:
    told: list[str] = []

    def refused() -> socket.socket:
        raise CheckError("db doesn't run.")

    with relay.listening(0, refused, told.append) as port:
        assert asked(port, b"") == b""

    assert told == ["db doesn't run."]


def test_a_port_that_is_taken_is_refused(elsewhere: tuple[str, int]) -> None:
    with (
        pytest.raises(UsageError, match="can't be used"),
        relay.listening(elsewhere[1], lambda: socket.create_connection(elsewhere), print),
    ):
        pass


@pytest.mark.parametrize("port", [99999, -1])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(UsageError, match=f"{port} is no port"), relay.listening(port, socket.socket, print):
        pass
