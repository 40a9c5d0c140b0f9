"""Creates networks with small subnets of a configured range, because an engine's own pools hold about 30 networks."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError

EDGE_PREFIX = 20
"""The edge's network holds every routed container of every app: 4,094 addresses, the first of the range."""
PREFIX = 26
"""The usual network of a release or an environment; the engine assigns its lower half, 30 addresses."""
SPARE = 4
"""Addresses besides the containers': the network's, its gateway's, a one-off's, and one more."""
_TAKEN = ("overlap", "Pool overlaps", "already in use", "conflicts with")


def prefix_for(containers: int) -> int:
    """The prefix of a network for so many containers; the engine assigns only its lower half."""
    return min(PREFIX, 31 - (containers + SPARE - 1).bit_length())


Networks = Sequence[Mapping[str, Any]]
"""Networks in the engine's own format."""


def listed(engine: Engine) -> Networks:
    """Every network of an engine."""
    found: Networks = engine.get("/networks")
    return found


def ensure(  # noqa: PLR0913 - what a network is made of
    engine: Engine, name: str, within: str, *, prefix: int, labels: Mapping[str, str], there: Networks = ()
) -> Mapping[str, Any]:
    """Create a network of that name unless it exists, in a subnet that overlaps no other. Returns it.

    `there`: a previous list of the engine's networks, which saves a call; an engine refuses overlaps anyway.

    Raises CheckError if the range has no free subnet.
    """
    known = there or listed(engine)
    if found := next((network for network in known if network["Name"] == name), None):
        return found
    for subnet in free(within, prefix, known):
        wanted = {
            "Name": name,
            "Driver": "bridge",
            "CheckDuplicate": True,
            "Labels": dict(labels),
            # the engine assigns addresses in the lower half; we choose those in the upper half
            "IPAM": {"Config": [{"Subnet": str(subnet), "IPRange": str(next(subnet.subnets()))}]},
        }
        try:
            made: Mapping[str, Any] = engine.call("POST", "/networks/create", wanted)
        except EngineError as error:
            if f"{name} already exists" in error.problem:  # another first deploy was faster
                return next(network for network in listed(engine) if network["Name"] == name)
            if not any(words in error.problem for words in _TAKEN):
                raise
        else:
            return {**wanted, **made}
    raise CheckError(f"No subnet is free in {within} for the network {name}.", hint="widen edge.networks")


def free(within: str, prefix: int, there: Networks) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The subnets of a range that overlap none of the networks that are there."""
    used = [
        ipaddress.ip_network(config["Subnet"], strict=False)
        for network in there
        for config in (network["IPAM"].get("Config") or ())
        if config.get("Subnet")
    ]
    whole = ipaddress.ip_network(within)
    for subnet in whole.subnets(new_prefix=prefix):
        # the first block of the range is reserved for the edge
        if prefix != EDGE_PREFIX and subnet.subnet_of(next(whole.subnets(new_prefix=EDGE_PREFIX))):  # type: ignore[arg-type]
            continue
        if not any(subnet.overlaps(other) for other in used):
            yield subnet
