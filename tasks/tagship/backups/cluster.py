"""A PostgreSQL accessory that is set up for pgBackRest, as the Compose file runs it."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tagship.errors import ConfigError
from tagship.names import Place

DATA = "PGBACKREST_PG1_PATH"


@dataclass(frozen=True)
class Cluster:
    """How the Compose file runs an environment's database accessory."""

    place: Place
    service: str
    image: str
    environment: Mapping[str, str]
    command: tuple[str, ...]
    volume: str
    """The volume with its data."""
    target: str
    """Where that is mounted."""


def cluster(place: Place, model: Mapping[str, Any], service: str) -> Cluster:
    """A database, from the accessories' Compose project. Raises ConfigError if it isn't set up for this."""
    settings = model["services"][service]
    given = {key: str(value or "").replace("$$", "$") for key, value in (settings.get("environment") or {}).items()}
    if missing := [name for name in ("PGBACKREST_STANZA", DATA) if not given.get(name)]:
        raise ConfigError(
            f"Accessory {service} has no {', '.join(missing)}.",
            hint="set up pgBackRest in its variables, as Tagship's docs/point-in-time.md says",
        )
    mounts = [
        (mount["target"], model["volumes"][mount["source"]]["name"])
        for mount in settings.get("volumes") or ()
        if mount["type"] == "volume" and f"{given[DATA]}/".startswith(f"{mount['target'].rstrip('/')}/")
    ]
    if not mounts:
        raise ConfigError(f"No named volume holds {given[DATA]} of {service}.", hint="keep its data in a named volume")
    target, volume = max(mounts)
    command = settings.get("command") or ()
    words = tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)
    words = tuple(word.replace("$$", "$") for word in words)
    return Cluster(place, service, settings["image"], given, words, volume, target)
