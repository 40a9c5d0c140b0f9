"""Reaches a port of a container that publishes none, through the connection to its engine."""

import contextlib
import socket
from dataclasses import dataclass, field

from tagship.engine.containers import Container
from tagship.errors import CheckError, EngineError
from tagship.server import present
from tagship.server.session import Session

_ANSWERS_WITHIN = 0.5
"""Seconds in which a refusal arrives; longer ones of a far server are seen at the first connection."""


@dataclass
class Port:
    """A port of a service's or accessory's container, whichever runs when somebody connects."""

    session: Session
    service: str
    port: int
    _container: Container | None = field(default=None, init=False)

    def dial(self) -> socket.socket:
        """A connection to it. Raises CheckError, ConnectionFailedError or OSError."""
        return self.session.engine.dial(self._address(), self.port)

    def check(self) -> None:
        """Raises CheckError if nothing listens there, or if the server's sshd forwards no ports."""
        try:
            with self.dial() as there:
                there.settimeout(_ANSWERS_WITHIN)
                with contextlib.suppress(TimeoutError):
                    if not there.recv(1, socket.MSG_PEEK):
                        raise ConnectionRefusedError
        except OSError as error:
            raise CheckError(
                f"{self.service} accepts no connection at port {self.port}.",
                hint="check the port, and that the server's sshd allows it (AllowTcpForwarding)",
            ) from error

    def _address(self) -> str:
        """Its address on the release's or the environment's network."""
        address = self._inspected(self._container) if self._container else ""
        if not address:
            found = present.look(self.session)
            container = self._container = found.one(found.release(), self.service)
            address = self._inspected(container)
        if not address:
            raise CheckError(f"{self.service} doesn't run.", hint="start it, or look at `tagship ps`")
        return address

    def _inspected(self, container: Container) -> str:
        with contextlib.suppress(EngineError):
            networks = self.session.engine.get(f"/containers/{container.id}/json")["NetworkSettings"]["Networks"]
            ours = (networks.get(name) or {} for name in (container.project, str(self.session.place), *networks))
            return next((str(each["IPAddress"]) for each in ours if each.get("IPAddress")), "")
        return ""
