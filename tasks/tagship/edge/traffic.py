"""The edge's part for one environment: its routes, and its requests in flight."""

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from tagship.edge import routes, sites
from tagship.edge.admin import SERVED, answered, application, asking
from tagship.edge.shell import Shell, replace_file
from tagship.edge.state import State
from tagship.errors import CheckError, EngineError
from tagship.names import Place

ANNOUNCED = 1
"""Seconds in which clients are asked to reconnect before a change closes their connections."""

ATTEMPTS = 5
"""How often to try to install routes while other environments change theirs."""


class Edge(State):
    """One environment's part of the edge."""

    def __init__(self, shell: Shell, place: Place, behind: Sequence[str] = ()) -> None:
        """`behind`: the proxies before the edge that are believed."""
        super().__init__(shell, place)
        self.behind = tuple(behind)

    def requests_in_flight(self, release: str) -> int | None:
        """How many requests the edge is still passing to a release.

        None if it can't tell releases apart: before 2.11.2, Caddy counts only by the configured name, `{file…}`; since
        then it also counts by the dialled address.
        """
        _, _, upstreams = self._admin("GET", "/reverse_proxy/upstreams")
        if not isinstance(upstreams, list | None):
            return None
        known = (
            item for item in upstreams or () if isinstance(item, dict) and isinstance(item.get("num_requests"), int)
        )
        counts = {str(item.get("address", "")): int(item["num_requests"]) for item in known}
        dialled = {address: count for address, count in counts.items() if not address.startswith("{")}
        if not dialled and any(counts.values()):
            return None
        return sum(count for address, count in dialled.items() if address.startswith(f"{release}-"))

    def connections(self, addresses: Sequence[str]) -> int:
        """How many connections the edge has to IPv4 addresses: one per request, and for a second after it."""
        if not addresses:
            return 0
        theirs = "|".join(ipaddress.ip_address(address).packed[::-1].hex().upper() for address in addresses)
        established = f"grep -cE ' ({theirs}):[0-9A-F]{{4}} 01 ' /proc/net/tcp || true"
        said = self._shell.run(established).strip()
        return int(said) if said.isdigit() else 0

    def configuration(self) -> tuple[routes.Json, str]:
        """Caddy's HTTP configuration, empty if it can't be read, and the Etag with which it may be changed."""
        answer = self._admin("GET", SERVED)
        return application(answer), answer[1]

    def serve(self, wanted: routes.Site) -> bool:
        """Install these routes, in one change of the configuration. Returns whether there was a change.

        Raises CheckError if the edge can't serve them: another environment has the host, or the URL's scheme has no
        port.
        """
        # as read before: while we hold the lock, nobody else changes our routes
        if sites.stand(self._http, self.place, wanted, self.behind):
            return False
        self._http = {}
        for _ in range(ATTEMPTS):
            answer = self._admin("GET", SERVED)
            http = application(answer)
            self._refuse(http, wanted)
            if sites.stand(http, self.place, wanted, self.behind):
                return False
            changed = sites.installed(http, self.place, wanted, self.behind)
            change = asking("PATCH", SERVED, changed, answer[1])
            status, _, body = answered(self._shell.run(_announced(change) if sites.announces(http) else change))
            if (
                status != HTTPStatus.PRECONDITION_FAILED
            ):  # otherwise another environment changed the configuration meanwhile
                break
        if status != HTTPStatus.OK:
            raise EngineError(f"The edge refused the routes of {self.place}: {status} {body}.")
        return True

    @contextmanager
    def held(self, own: routes.Site, *, on: bool = False) -> Iterator[None]:
        """Answer 503 at the environment's URLs meanwhile; containers run on.

        `own`: the routes to serve afterwards if it was held already, by a restore that was killed. With `on`, and
        without an error, it stays so afterwards, until a deploy or a rollback cuts over.

        If the process is killed in this block, the 503 stays until the next deploy or rollback. If a deploy inside the
        block sets routes, they stay.
        """
        before = sites.served(application(self._admin("GET", SERVED)), self.place)
        held = sites.held(before)
        if before == held:
            before = own
        try:
            self.serve(held)
            yield
        except BaseException:
            on = False
            raise
        finally:
            if not on and sites.served(application(self._admin("GET", SERVED)), self.place) == held:
                self.serve(before)

    def _refuse(self, http: routes.Json, wanted: routes.Site) -> None:
        if not http:
            raise EngineError(
                "The edge's configuration can't be read.", hint="run `docker logs tagship-edge` on the server"
            )
        if taken := sites.taken(http, self.place, wanted):
            raise CheckError(
                f"{taken[0]} is already served as {taken[1]} on this server.",
                hint="change `url`, so that this environment has its own host name",
            )
        if scheme := sites.lacking(http, wanted):
            raise CheckError(f"The edge has no port for {scheme}.", hint=f"set edge.{scheme}, or change `url`")

    def _admin(self, method: str, path: str, body: object = None, etag: str = "") -> tuple[int, str, Any]:
        """Make a request to Caddy's admin API on the edge's own loopback. Returns status, Etag and decoded body."""
        return answered(self._shell.run(asking(method, path, body, etag)))


def _announced(change: str) -> str:
    """A script that asks clients to reconnect before a change that would close their connections.

    For a while, each answer says that its connection ends, so that the next request uses a new one.
    """
    ending, kept = (replace_file(routes.CONNECTION_FILE, word, shared=True) for word in (b"close", b"keep-alive"))
    return f"{ending}; sleep {ANNOUNCED}; {change}; {kept}"
