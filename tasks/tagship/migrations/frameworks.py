"""Parses the output of migration commands, and builds the one-off container they run in. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tagship.errors import MigrationError
from tagship.release.model import Migrations, Shape

_OPTIONS = "PGOPTIONS"
_DJANGO_REVERSE = """from django.core.management import call_command
for app, target in {steps}:
    call_command("migrate", app, target, interactive=False)
"""
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


def last(output: str) -> tuple[str, ...]:
    """The last line of a list of applied migrations; nothing if it is empty."""
    return tuple(line.strip() for line in output.splitlines() if line.strip())[-1:]


def reversal(how: Migrations, migrations: Sequence[str], leaves: Sequence[str]) -> tuple[str, ...]:
    """The command that reverses migrations, the last one first, so that `leaves` are the last applied ones.

    Raises MigrationError if there is none.
    """
    if how.reverse:
        values = {"{count}": str(len(migrations)), "{target}": next(iter(leaves), "")}
        return tuple(_filled(word, values) for word in how.reverse)
    if not how.django_shell:
        raise MigrationError(
            "tagship.yml has no command that reverses migrations.", hint="set release.migrations.reverse"
        )
    targets = dict(leaf.split(".", 1) for leaf in leaves)
    apps = dict.fromkeys(name.partition(".")[0] for name in migrations)
    steps = [(app, targets.get(app, "zero")) for app in apps]
    return (*how.django_shell, _DJANGO_REVERSE.format(steps=steps))


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(name, value)
    return word


def limited(model: Mapping[str, Any], how: Migrations, image: Mapping[str, str]) -> dict[str, Any]:
    """Set the timeouts for the one-off that migrates, so that waiting for a lock can't block the live release.

    libpq reads it from PGOPTIONS. Keeps what the service, or its image (`image`: the image's variables), has there.
    """
    settings = model["services"][how.service]
    environment = settings.get("environment") or {}
    own = environment.get(_OPTIONS) or image.get(_OPTIONS, "").replace("$", "$$")
    statement = f" -c statement_timeout={how.statement_timeout}" if how.statement_timeout else ""
    options = f"{own} -c lock_timeout={how.lock_timeout}{statement}".strip()
    return given(model, how.service, {_OPTIONS: options})


def given(model: Mapping[str, Any], service: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Set variables of one service."""
    settings = model["services"][service]
    changed = {**settings, "environment": {**(settings.get("environment") or {}), **variables}}
    return {**model, "services": {**model["services"], service: changed}}


def one_off(
    model: Mapping[str, Any], service: str, environment_network: str, shape: Shape, *, prepared: bool = True
) -> dict[str, Any]:
    """The release's project with only that service, connected to the environment's network, where the accessories are.

    Compose gives a one-off no service alias, so no name on that network leads to it. Unless the release is `prepared`,
    it has no network of its own yet.
    """
    settings = {
        k: v for k, v in model["services"][service].items() if k not in {"depends_on", "healthcheck", "restart"}
    }
    networks = dict(model["networks"] if prepared else {})
    if not prepared:
        settings.pop("networks", None)
        settings |= {} if shape.accessories else {"network_mode": "bridge"}
    if shape.accessories:
        networks["environment"] = {"name": environment_network, "external": True}
        settings["networks"] = {**settings.get("networks", {}), "environment": None}
    return {**model, "services": {service: settings}, "networks": networks}
