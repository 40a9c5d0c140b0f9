"""One mistake: what was done, and what Tagship must do about it. The keys of a case are the fields below."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
ORDER = ("settings", "compose", "variables", "command_line", "environment", "server", "answers")
"""The files, in the order of the page."""


@dataclass(frozen=True)
class Case:
    """What is different from a project and a server where all is well."""

    did: str
    """What you did, as the page says it."""
    run: str
    """The command line, without `tagship`."""
    code: int
    at: str = ""
    """FILE:LINE that the message must begin with."""
    change: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """File → what stands there → what stands there instead; "" appends."""
    write: Mapping[str, str | None] = field(default_factory=dict)
    """File → its text, or null for a file that isn't there."""
    commit: bool = True
    """Whether the changed files are committed."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""
    folder: str = ""
    """Where you are, below the project; `/` for outside of it."""
    compose_says: str = ""
    """What Compose itself says (2.40), if it refuses."""
    docker: str = ""
    """Docker's own config.json."""
    ssh_says: str = ""
    state: Mapping[str, str | None] = field(default_factory=dict)
    """File of the environment on the server → its text, or null."""
    edge: str | None = None
    """What the edge's admin API answers; the default is its configuration."""
    engine: Mapping[str, Any] = field(default_factory=dict)
    """`METHOD /path` → status, body, headers."""
    registry: Mapping[str, Any] = field(default_factory=dict)
    github: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Theme:
    """The cases of one file, a section of the page."""

    name: str
    title: str
    says: str
    cases: tuple[Case, ...]


def themes() -> tuple[Theme, ...]:
    """All of them."""
    return tuple(_theme(name) for name in ORDER if (FOLDER / f"{name}.yml").exists())


def _theme(name: str) -> Theme:
    raw = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    return Theme(
        name, raw["title"], raw["says"], tuple(Case(**{**raw.get("all", {}), **each}) for each in raw["cases"])
    )
