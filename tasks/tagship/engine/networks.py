"""Networks with small explicit subnets of a configured range: an engine's own pools hold about thirty networks."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagship.engine.client import Engine
from tagship.errors import CheckError, EngineError

EDGE_PREFIX = 20
"""The edge's network holds every routed container of every app: 4,094 addresses, the first of the range."""
PREFIX = 26
"""A release's or an environment's network, where that is enough: the engine hands out its lower half, 30 addresses."""
SPARE = 4
"""Addresses beside the containers': the network's own, its gateway's, a one-off's, and one more."""
_TAKEN = ("overlap", "Pool overlaps", "already in use", "conflicts with")


def prefix_for(containers: int) -> int:
    """The prefix of a network for so many containers, of which the engine hands out the lower half."""
    return min(PREFIX, 31 - (containers + SPARE - 1).bit_length())


Networks = Sequence[Mapping[str, Any]]
"""Networks as an engine lists them."""


def listed(engine: Engine) -> Networks:
    """Every network of an engine."""
    found: Networks = engine.get("/networks")
    return found


def ensure(  # noqa: PLR0913 - what a network is made of
    engine: Engine, name: str, within: str, *, prefix: int, labels: Mapping[str, str], there: Networks = ()
) -> Mapping[str, Any]:
    """Make a network of that name unless it is there; tries subnets until one overlaps nothing. Returns it.

    `there`: the engine's networks as they were listed before, to save a call; an engine refuses what overlaps anyway.

    Raises CheckError when the range has none left.
    """
    known = there or listed(engine)
    if found := next((network for network in known if network["Name"] == name), None):
        return found
    used = [
        ipaddress.ip_network(config["Subnet"], strict=False)
        for network in known
        for config in (network["IPAM"].get("Config") or ())
        if config.get("Subnet")
    ]
    for subnet in _free(within, prefix, used):
        wanted = {
            "Name": name,
            "Driver": "bridge",
            "CheckDuplicate": True,
            "Labels": dict(labels),
            # what the engine hands out comes from the lower half; the upper is for addresses that we choose
            "IPAM": {"Config": [{"Subnet": str(subnet), "IPRange": str(next(subnet.subnets()))}]},
        }
        try:
            made: Mapping[str, Any] = engine.call("POST", "/networks/create", wanted)
        except EngineError as error:
            if f"{name} already exists" in error.problem:  # somebody else's first deploy was quicker
                return next(network for network in listed(engine) if network["Name"] == name)
            if not any(words in error.problem for words in _TAKEN):
                raise
        else:
            return {**wanted, **made}
    raise CheckError(f"No subnet is free in {within} for the network {name}.", hint="widen edge.networks")


def _free(
    within: str, prefix: int, used: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    whole = ipaddress.ip_network(within)
    for subnet in whole.subnets(new_prefix=prefix):
        # the first block of the range stays the edge's, even before there is one
        if prefix != EDGE_PREFIX and subnet.subnet_of(next(whole.subnets(new_prefix=EDGE_PREFIX))):  # type: ignore[arg-type]
            continue
        if not any(subnet.overlaps(other) for other in used):
            yield subnet
