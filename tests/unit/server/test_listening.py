"""Where a container listens, as the kernel's tables say."""

from typing import BinaryIO

import pytest

from tagship.engine.client import Engine
from tagship.release.model import Route
from tagship.server.listening import misdirected
from tests.fakes.servers import Answer, Server

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROUTES = (Route("/*", "web", 8001),)


def table(*sockets: str) -> bytes:
    """What the kernel prints of sockets, each ADDRESS:PORT STATE in its own hexadecimal."""
    rows = (f"   {n}: {s.split()[0]} 00000000:0000 {s.split()[1]} 00000000:00000000 00:00000000 0 0 0\n"
            for n, s in enumerate(sockets))  # fmt: skip
    return (HEAD + "".join(rows)).encode()


def listens(daemon: Server, said: bytes) -> None:
    """Have the release's container say that."""

    def run(_: BinaryIO, out: BinaryIO) -> None:
        out.write(b"\1\0\0\0" + len(said).to_bytes(4, "big") + said)

    daemon.answers |= {
        "POST /containers/shop-web-1/exec": Answer(201, {"Id": "e1"}),
        "POST /exec/e1/start": Answer(101, hijack=run),
    }


@pytest.mark.parametrize(
    ("sockets", "said"),
    [
        (("00000000:1F40 0A",), "The route /* goes to web:8001; web listens at 8000."),
        (("0100007F:1F41 0A",), "web listens at no port that others reach, and at that port to itself alone."),
        (("00000000000000000000000000000000:1F41 0A",), ""),
        (("00000000:1F40 0A", "00000000:1F41 01"), "web listens at 8000."),
        (("00000000:1F40 0A", "0B00007F:B5A3 0A"), "web listens at 8000."),
        ((), ""),
    ],
)
def test_a_route_to_a_port_where_nobody_listens_is_named_with_those_where_somebody_does(
    daemon: Server, engine: Engine, sockets: tuple[str, ...], said: str
) -> None:
    listens(daemon, table(*sockets))

    found = list(misdirected(engine, "shop", ROUTES))

    assert said in "".join(found)
    assert bool(found) is bool(said)


def test_what_can_not_be_looked_at_is_left_out(daemon: Server, engine: Engine) -> None:
    daemon.answers["POST /containers/shop-web-1/exec"] = Answer(409, {"message": "it is not running"})

    assert list(misdirected(engine, "shop", ROUTES)) == []
