"""The names of versions, places, labels and headers."""

import re
from dataclasses import dataclass
from typing import NewType

from tagship.errors import (
    ConfigError,
    SourceError,
)

CANDIDATE_HEADER = "X-Tagship-Candidate"

CANDIDATE_COOKIE = "tagship-candidate"
"""The cookie with which a person sees a candidate that is held, and the parameter of the link that sets it."""

RELEASE_HEADER = "X-Tagship-Release"


MAINTENANCE = "maintenance"
"""The release that the edge's answers name during maintenance, and the environment's file that is then `on`."""


LABEL = "tagship"
"""Prefix of Tagship's labels: tagship.app, tagship.environment, tagship.sha, tagship.release."""

RESTART = f"{LABEL}.restart"
"""Label with a container's restart policy while it runs, `always` or `no`.

The policy itself is `no` until it starts.
"""


NEW, OLD = "-new", "-old"
"""Ends of a container's name while a restart replaces it; one that was killed may leave such a container."""

RUN_BY = f"{LABEL}.run-by"
"""Label of a one-off that a person started: who."""


Digest = NewType("Digest", str)
"""`sha256:` and 64 hex digits: a manifest's digest in a registry, or an image's id if there is no registry."""

UNBUILT = Digest(f"sha256:{'0' * 64}")
"""Placeholder digest for an image that isn't built yet, so that a plan can be made."""

_TAG = re.compile(r"(?P<sha>[0-9a-f]{40})(-dirty-[0-9a-f]{8})?")

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

_RELEASE = re.compile(r"(?P<stem>[a-z0-9-]+)-(?P<sha8>[0-9a-f]{8})-(?P<cfg6>[0-9a-f]{6})")

HIGHEST_PORT = 65535

DNS_LABEL = 63
"""Longest label in a DNS name (RFC 1035, 2.3.4); the edge dials containers by name."""


@dataclass(frozen=True)
class Version:
    """The commit that an image was built from. Its tag is the SHA, or `SHA-dirty-HASH` for uncommitted changes."""

    tag: str
    tree: str = ""

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.tag):
            raise SourceError(f"{self.tag!r} is not a full 40-hex commit SHA.")

    @property
    def sha(self) -> str:
        """The 40-hex commit SHA."""
        return self.tag[:40]

    @property
    def short(self) -> str:
        """The first 8 hex digits, as in a release's name."""
        return self.tag[:8]

    @property
    def dirty(self) -> bool:
        """Whether the work tree had uncommitted changes."""
        return len(self.tag) > len(self.sha)


@dataclass(frozen=True)
class Place:
    """One application in one environment. Everything on a server is named after it."""

    app: str
    environment: str

    def __post_init__(self) -> None:
        for name in (self.app, self.environment):
            if not _SLUG.fullmatch(name):
                raise ConfigError(f"{name!r} can't name an app or an environment.", hint="use a-z, 0-9 and -")

    def __str__(self) -> str:
        return f"{self.app}-{self.environment}"

    def release_name(self, version: Version, configuration: str) -> str:
        """`APP-ENV-SHA8-CFG6`, the release's Compose project."""
        return f"{self}-{version.short}-{configuration[:6]}"

    @property
    def accessories(self) -> str:
        """`APP-ENV-accessories`, the accessories' Compose project."""
        return f"{self}-accessories"

    def owns(self, release: str) -> bool:
        """Whether a Compose project is a release of this application and environment."""
        found = _RELEASE.fullmatch(release)
        return found is not None and found["stem"] == str(self)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, what they do, and in which CI run."""

    who: str
    doing: str
    run: str = ""
