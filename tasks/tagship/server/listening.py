"""Compares where containers listen with where the routes go, when a smoke test can't connect."""

import re
from collections.abc import Iterable, Iterator

from tagship.engine.client import Engine
from tagship.errors import TagshipError
from tagship.release.model import Route

_TABLES = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = re.compile(r"^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A ", re.MULTILINE)
"""A line of the kernel's table of TCP sockets in state 0A, LISTEN (proc(5), /proc/net/tcp)."""
_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000")
"""127.x.x.x, which includes Docker's own name server, and ::1, as the kernel prints them."""


def misdirected(engine: Engine, release: str, routes: Iterable[Route]) -> Iterator[str]:
    """Routes to a port at which their service doesn't listen, one line each; skips containers that it can't inspect."""
    for route in routes:
        found = list(_listening(engine, f"{release}-{route.service}-1"))
        open_to_all = sorted({port for address, port in found if not _LOOPBACK.fullmatch(address)})
        if not found or route.port in open_to_all:
            continue
        where = f"{route.service} listens at {', '.join(map(str, open_to_all)) or 'no port that others reach'}"
        own = ", and at that port to itself alone" if route.port in {port for _, port in found} else ""
        yield f"The route {route.path} goes to {route.service}:{route.port}; {where}{own}."


def _listening(engine: Engine, container: str) -> Iterator[tuple[str, int]]:
    """Address, as the kernel prints it, and port of every socket at which a container listens."""
    try:
        stream = engine.hijack(container, list(_TABLES))
        output = b""
        while (frame := stream.read())[0]:
            output += frame[1]
        stream.close()
    except TagshipError:  # it has no `cat`, or doesn't run
        return
    for address, port in _LISTENING.findall(output.decode(errors="replace")):
        yield address, int(port, 16)
