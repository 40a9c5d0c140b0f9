"""What everything is named after: versions, places, labels, headers."""

import re
from dataclasses import dataclass
from typing import NewType

from tagship.errors import (
    ConfigError,
    SourceError,
)

CANDIDATE_HEADER = "X-Tagship-Candidate"

RELEASE_HEADER = "X-Tagship-Release"


LABEL = "tagship"
"""Prefix of the labels that say what is ours: tagship.app, tagship.environment, tagship.sha, tagship.release."""

RESTART = f"{LABEL}.restart"
"""Label: a container's restart policy while it is to run, `always` or `no`; a release's is `no` until it starts."""


Digest = NewType("Digest", str)
"""`sha256:` and 64 hex digits: a manifest's digest in a registry, or an image's id where there is no registry."""

UNBUILT = Digest(f"sha256:{'0' * 64}")
"""Stands for the digest of an image that isn't built yet: enough to plan with."""

_TAG = re.compile(r"(?P<sha>[0-9a-f]{40})(-dirty-[0-9a-f]{8})?")

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")

_RELEASE = re.compile(r"(?P<stem>[a-z0-9-]+)-(?P<sha8>[0-9a-f]{8})-(?P<cfg6>[0-9a-f]{6})")

HIGHEST_PORT = 65535

DNS_LABEL = 63
"""Longest name a resolver takes for one label (RFC 1035, 2.3.4): the edge dials containers by name."""


@dataclass(frozen=True)
class Version:
    """The commit an image was built from: its tag is the SHA, or `SHA-dirty-HASH` for an uncommitted tree."""

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
        """Whether the tree had changes that no commit holds."""
        return len(self.tag) > len(self.sha)


@dataclass(frozen=True)
class Place:
    """One application in one environment: what everything on a server is named after."""

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
        """Whether a Compose project is a release of this place."""
        found = _RELEASE.fullmatch(release)
        return found is not None and found["stem"] == str(self)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, for what, and from where."""

    who: str
    doing: str
    run: str = ""
