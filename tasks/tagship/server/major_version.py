"""Refuses another major version of PostgreSQL for existing data: it can't read the files of the one before."""

import re
from collections.abc import Iterable

from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.engine.containers import Container
from tagship.errors import CheckError, EngineError
from tagship.images import pulls
from tagship.images.credentials import Credentials

_DATA = "/var/lib/postgresql/data"
_TAG = re.compile(
    r":(?:[\w.]+-)*pg(?P<named>\d{1,2})(?!\d)[^/]*$|(?:^|/)(?:postgres|postgresql|postgis):(?P<own>\d{1,2})(?!\d)"
)
"""An extension's image names its own version first: `timescaledb:2.14.2-pg16`."""


def bring(engine: Engine, there: Iterable[Container], image: str, credentials: Credentials) -> None:
    """Pull an image unless the server has it, since a tag may not tell its version; then as `refuse_jump`."""
    if image:
        pulls.bring_tagged(engine, image, credentials)
        refuse_jump(engine, there, image)


def refuse_jump(engine: Engine, there: Iterable[Container], image: str) -> None:
    """Raises CheckError if one of these containers has the data of another major version than an image runs."""
    after = _of_image(engine, image)
    if not after:
        return
    for container in there:
        before = _of_data(engine, container)
        if before and before != after:
            raise CheckError(
                f"{container.service} has the data of PostgreSQL {before}, but {image} is PostgreSQL {after}.",
                hint=f"keep it on {before}; a dump moves the data to {after}, as Tagship's docs/everyday.md shows",
            )


def major(image: str, variables: Iterable[str]) -> str:
    """The major version that an image runs, by its variable PG_MAJOR, else by its tag; empty if unknown. Pure."""
    named = dict(variable.partition("=")[::2] for variable in variables)
    found = _TAG.search(image)
    return named.get("PG_MAJOR") or (found["named"] or found["own"] if found else "")


def _of_image(engine: Engine, image: str) -> str:
    try:
        variables = engine.get(f"/images/{image}/json")["Config"].get("Env") or []
    except EngineError:  # the server doesn't have it yet
        variables = []
    return major(image, variables)


def _of_data(engine: Engine, container: Container) -> str:
    """The version of the files in a container's data folder; empty if it has none."""
    variables = engine.get(f"/containers/{container.id}/json")["Config"].get("Env") or []
    folder = dict(variable.partition("=")[::2] for variable in variables).get("PGDATA", _DATA)
    try:
        return archives.read(engine, container.id, f"{folder}/PG_VERSION").decode().strip()
    except EngineError:
        return ""
