"""Waits for the requests that a release still answers after the cutover."""

import time

from tagship.edge.caddy import NETWORK
from tagship.edge.traffic import Edge
from tagship.engine import containers
from tagship.engine.client import Engine

POLL = 0.05


def drain(engine: Engine, edge: Edge, release: str, seconds: float, quiet: float = 0) -> None:
    """Wait until the edge has no request in flight to the release, for `quiet` seconds; beyond the limit, they are cut.

    An edge that doesn't know this is asked for connections to the release's containers, which last a second longer.
    """
    until = time.monotonic() + seconds
    still = time.monotonic() + quiet
    addresses: list[str] | None = None
    while True:
        busy = edge.requests_in_flight(release) if addresses is None else edge.connections(addresses)
        if busy is None:
            ours = containers.of(engine, release)
            addresses = [address for c in ours if (address := c.addresses.get(NETWORK))]
        elif time.monotonic() >= (until if busy else min(still, until)):
            return
        else:
            still = time.monotonic() + quiet if busy else still
            time.sleep(POLL)
