"""Parses the output of migration commands, and builds the one-off container they run in. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tagship.release.model import Migrations, Shape

_OPTIONS = "PGOPTIONS"
_DJANGO_LINE = re.compile(r"\[(?P<done>[ X])\]\s+(?P<app>\w+)\.(?P<name>\w+)")


@dataclass(frozen=True)
class State:
    """A database's schema: the pending migrations, and the last applied one of each app."""

    pending: tuple[str, ...]
    leaves: tuple[str, ...] = ()


def read(how: Migrations, output: str) -> State:
    """Parse the list of pending migrations.

    Django's `showmigrations --plan` prints `[X]  app.0001_name` per line, in the order of application. Other commands
    print one pending migration per line.
    """
    if how.framework != "django":
        return State(tuple(line.strip() for line in output.splitlines() if line.strip()))
    found = [match.groupdict() for line in output.splitlines() if (match := _DJANGO_LINE.match(line))]
    last = {entry["app"]: f"{entry['app']}.{entry['name']}" for entry in found if entry["done"] == "X"}
    pending = tuple(f"{entry['app']}.{entry['name']}" for entry in found if entry["done"] == " ")
    return State(pending, tuple(sorted(last.values())))


def limited(model: Mapping[str, Any], how: Migrations, image: Mapping[str, str]) -> dict[str, Any]:
    """Set the timeouts for the one-off that migrates, so that waiting for a lock can't block the live release.

    libpq reads it from PGOPTIONS. Keeps what the service, or its image (`image`: the image's variables), has there.
    """
    settings = model["services"][how.service]
    environment = settings.get("environment") or {}
    own = environment.get(_OPTIONS) or image.get(_OPTIONS, "").replace("$", "$$")
    statement = f" -c statement_timeout={how.statement_timeout}" if how.statement_timeout else ""
    options = f"{own} -c lock_timeout={how.lock_timeout}{statement}".strip()
    changed = {**settings, "environment": {**environment, _OPTIONS: options}}
    return {**model, "services": {**model["services"], how.service: changed}}


def one_off(model: Mapping[str, Any], service: str, environment_network: str, shape: Shape) -> dict[str, Any]:
    """The release's project with only that service, connected to the environment's network, where the accessories are.

    Compose gives a one-off no service alias, so no name on that network leads to it.
    """
    settings = {
        k: v for k, v in model["services"][service].items() if k not in {"depends_on", "healthcheck", "restart"}
    }
    networks = dict(model["networks"])
    if shape.accessories:
        networks["environment"] = {"name": environment_network, "external": True}
        settings["networks"] = {**settings.get("networks", {}), "environment": None}
    return {**model, "services": {service: settings}, "networks": networks}
