"""A draft of what a deploy needs that differs from the Compose file."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tagship.setup.compose import Compose
from tagship.setup.dockerfile import Dockerfile


@dataclass(frozen=True)
class Change:
    """One key of one service that a deploy needs differently."""

    service: str
    key: str
    value: str
    """As it stands in the overlay, after `KEY: `; empty for a change that is only told."""
    why: str
    at: str = ""
    """`FILE:LINE` of what it changes."""


@dataclass
class Draft:
    """What becomes of a Compose file: its changes, and what only a person can do."""

    changes: list[Change] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    configs: dict[str, str] = field(default_factory=dict)
    """Name → file, for mounted files that travel with the release."""
    volumes: list[str] = field(default_factory=list)
    """New named volumes."""


@dataclass(frozen=True)
class Project:
    """All that was read of a project."""

    folder: Path
    compose: Compose
    made: Mapping[str, tuple[Path, Dockerfile]]
    """Service → the folder that it is built in, and its Dockerfile."""
    tracked: frozenset[str]
    """The files that git tracks."""

    def keeps(self, env_file: str) -> bool:
        """Whether an env file travels with the release: it is committed, and by its name not one person's own."""
        return env_file.removeprefix("./") in self.tracked and not Path(env_file).name.startswith(".env")


_WORD = re.compile(r"\.?[A-Za-z][\w.-]*")


def word(name: str) -> str:
    """A name in YAML, quoted if it would be a number or a truth value there."""
    return name if _WORD.fullmatch(name) and yaml.safe_load(name) == name else flow(name)


def flow(value: Any) -> str:  # noqa: ANN401 - any part of a YAML document
    """A value in one line of YAML; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
