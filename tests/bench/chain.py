"""Finds which calls had to wait for others; the longest chain is what distance costs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECT = "(connection opened)"


@dataclass
class Call:
    """One thing asked of the engine. `at` and `answers`, when each part of its answer left, are seconds."""

    connection: int
    what: str
    at: float
    answers: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Link:
    """A call, and the call before whose answer it may have waited for."""

    call: Call
    after: "Link | None"
    depth: int


def links(calls: Sequence[Call], round_trip: float) -> list[Link]:
    """Each call with the longest chain that leads to it.

    A call that arrives a round trip or more after an answer left may have waited for it; one that arrives sooner was
    on its way already. So the chain's length is the most that the calls can cost in round trips.
    """
    found: list[Link] = []
    for call in sorted(calls, key=lambda call: call.at):
        waited = [link for link in found if any(answer + round_trip <= call.at for answer in link.call.answers)]
        after = max(waited, key=lambda link: (link.depth, _last(link.call, call.at - round_trip)), default=None)
        found.append(Link(call, after, after.depth + 1 if after else 1))
    return found


def longest(found: Sequence[Link]) -> list[Call]:
    """The calls of the longest chain, in their order."""
    link = max(found, key=lambda link: link.depth, default=None)
    chain = []
    while link:
        chain.append(link.call)
        link = link.after
    return chain[::-1]


def _last(call: Call, until: float) -> float:
    return max(answer for answer in call.answers if answer <= until)
