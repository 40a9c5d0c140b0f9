"""What the edge passes on for one environment: its routes, and what is in flight."""

import ipaddress
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from tagship.edge import routes, sites
from tagship.edge.admin import SERVED, answered, application, asking
from tagship.edge.shell import replace_file
from tagship.edge.state import State
from tagship.errors import CheckError, EngineError

ANNOUNCED = 1
"""Seconds for which clients are told to end their connections before a change closes them."""

ATTEMPTS = 5
"""How often routes are tried to be installed while other environments change theirs."""


class Edge(State):
    """One environment's part of the edge."""

    def requests_in_flight(self, release: str) -> int | None:
        """How many requests the edge is still passing to a release.

        None where it doesn't tell one release from another: before 2.11.2, Caddy counts by what the configuration says
        alone, `{file…}`; since then it counts by what was dialled, too.
        """
        _, _, upstreams = self._admin("GET", "/reverse_proxy/upstreams")
        counts: dict[str, int] = {item["address"]: item["num_requests"] for item in upstreams or ()}
        dialled = {address: count for address, count in counts.items() if not address.startswith("{")}
        if not dialled and any(counts.values()):
            return None
        return sum(count for address, count in dialled.items() if address.startswith(f"{release}-"))

    def connections(self, addresses: Sequence[str]) -> int:
        """How many connections the edge has to IPv4 addresses: one for each request, for a second after it, too."""
        if not addresses:
            return 0
        theirs = "|".join(ipaddress.ip_address(address).packed[::-1].hex().upper() for address in addresses)
        established = f"grep -cE ' ({theirs}):[0-9A-F]{{4}} 01 ' /proc/net/tcp || true"
        return int(self._shell.run(established).strip() or 0)

    def serve(self, wanted: routes.Site) -> bool:
        """Have these routes installed, by one change of the configuration. Returns whether there was any.

        Raises CheckError when the edge can't: another environment has the host, or the URL's scheme has no port.
        """
        if sites.stand(self._http, self.place, wanted):  # under our lock nobody else changes what is ours
            return False
        self._http = {}
        for _ in range(ATTEMPTS):
            answer = self._admin("GET", SERVED)
            http = application(answer)
            self._refuse(http, wanted)
            if sites.stand(http, self.place, wanted):
                return False
            changed = sites.installed(http, self.place, wanted)
            change = asking("PATCH", SERVED, changed, answer[1])
            status, _, said = answered(self._shell.run(_announced(change) if sites.announces(http) else change))
            if status != HTTPStatus.PRECONDITION_FAILED:  # which means that somebody else changed it meanwhile
                break
        if status != HTTPStatus.OK:
            raise EngineError(f"The edge refused the routes of {self.place}: {status} {said}.")
        return True

    def _refuse(self, http: routes.Json, wanted: routes.Site) -> None:
        if not http:
            raise EngineError(
                "The edge doesn't say what it serves.", hint="docker logs tagship-edge on the server tells"
            )
        if taken := sites.taken(http, self.place, wanted):
            raise CheckError(
                f"{taken[0]} is served as {taken[1]} on this server already.",
                hint="give this environment a host name of its own: its `url`",
            )
        if scheme := sites.lacking(http, wanted):
            raise CheckError(f"The edge has no port for {scheme}.", hint=f"set edge.{scheme}, or another `url`")

    def _admin(self, method: str, path: str, body: object = None, etag: str = "") -> tuple[int, str, Any]:
        """One request to Caddy's admin API on the edge's own loopback: status, Etag, decoded body."""
        return answered(self._shell.run(asking(method, path, body, etag)))


def _announced(change: str) -> str:
    """Script that has clients end their connections in good order before a change that would close them on their heads.

    For a while each answer says that its connection ends with it, so that the next request comes on a new one.
    """
    ending, kept = (replace_file(routes.CONNECTION_FILE, word) for word in (b"close", b"keep-alive"))
    return f"{ending}; sleep {ANNOUNCED}; {change}; {kept}"
