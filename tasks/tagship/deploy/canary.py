"""What a canary is, and whether its candidate does worse than the live release. Pure."""

import math
from dataclasses import dataclass

SURE = 3
"""Standard deviations above what may fail before a candidate counts as worse; it is asked each second."""


def lasting(seconds: float) -> str:
    """`10 min` or `90 s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:g} min" if minutes > 1 and not rest else f"{seconds:g} s"


@dataclass(frozen=True)
class Terms:
    """How a canary goes."""

    share: float
    """How many of a hundred visitors reach the candidate."""
    seconds: float
    errors: float = 1
    """How many more of a hundred of its requests may fail than of the live release's."""

    def __str__(self) -> str:
        return f"{self.share:g}% of visitors, for {lasting(self.seconds)}"


@dataclass(frozen=True)
class UnderWay:
    """A canary that was observed."""

    release: str
    """The candidate."""
    share: float
    lasts: bool = True
    """Whether visitors reach the candidate. Otherwise its deploy was killed, and it has ended by itself."""


@dataclass(frozen=True)
class Answers:
    """How many requests a release has answered during a canary."""

    requests: int = 0
    errors: int = 0
    """Those with a status of 500 and above, and those on which the client gave up."""

    @property
    def rate(self) -> float:
        """How many of a hundred failed."""
        return 100 * self.errors / self.requests if self.requests else 0

    def __str__(self) -> str:
        return f"{self.errors} of {self.requests} requests failed"


def worse(candidate: Answers, live: Answers, terms: Terms) -> str:
    """Why the candidate may not go live; empty if it may."""
    allowed = candidate.requests * (live.rate + terms.errors) / 100
    if candidate.errors - allowed < SURE * math.sqrt(max(allowed, 1)):
        return ""
    return f"{candidate}, {candidate.rate:.1f}%; of the live release, {live.rate:.1f}%"


def told(candidate: Answers, live: Answers, terms: Terms) -> str:
    """How it went, for people and the ledger."""
    if not candidate.requests:
        return f"canary {terms.share:g}%: no request reached the candidate"
    return f"canary {terms.share:g}%: {candidate}; live: {live.errors} of {live.requests}"
