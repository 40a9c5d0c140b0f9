"""Connects to an environment's engine while other work goes on."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tagship.engine import client, local
from tagship.server.tunnel import Tunnel
from tagship.system import scratch
from tagship.system.parallel import ahead

if TYPE_CHECKING:
    from tagship.project.schema import Environment
    from tagship.server.session import Session

SPARE = 4
"""Connections opened in addition to the first; otherwise later parallel calls would each wait a round trip for one."""


class Opening:
    """A connection that opens while other work goes on; closed at the end of its block."""

    def __init__(self, settings: Environment) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._tunnel: Tunnel | None = None
        if settings.engine != "local":
            lends = settings.registry == "embedded"
            self._tunnel = self._stack.enter_context(Tunnel(settings.engine, lends=lends))
        client.prepare()  # while ssh connects, and git and Compose run
        scratch.sweep()

    def session(self) -> Session:
        """Wait for the connection. Raises ConnectionFailedError."""
        from tagship.server.session import Session  # noqa: PLC0415 - while ssh connects

        socket = self._tunnel.wait() if self._tunnel else local.local_socket()
        engine = client.Engine(socket, self._tunnel)
        self._stack.callback(engine.close)
        began = time.monotonic()
        spare = [ahead(lambda: engine.text("/_ping")) for _ in range(SPARE)]
        engine.connect()
        engine.distance = time.monotonic() - began
        for connection in spare:
            connection()
        return Session(engine, self._settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def connect(settings: Environment) -> Opening:
    """Start connecting to an environment's engine."""
    return Opening(settings)
