"""What killed backups and restores leave on a server; removing it needs none of the packages of backups."""

from tagship.engine.client import Engine
from tagship.errors import EngineError
from tagship.names import LABEL, Place

WORKBENCH = f"{LABEL}.workbench"
"""Label of a container that works on an environment's data for a while: which environment's."""
STARTS_WITHIN = 60.0
"""Seconds from a container's making to its start; after that, its maker is dead."""
_CONFLICT, _MISSING = 409, 404


def discard(engine: Engine, container: str) -> None:
    """Remove a container, whatever it does, unless it is gone or being removed."""
    try:
        engine.call("DELETE", f"/containers/{container}", force=True, v=True)
    except EngineError as error:
        if error.status not in {_MISSING, _CONFLICT}:
            raise


def sweep(engine: Engine, place: Place) -> None:
    """Remove what killed backups and restores of an environment left: containers that have ended or never started.

    One that runs ends by itself. The caller holds the environment's lock, or the name of its backups' workbench.
    """
    for raw in engine.get("/containers/json", all=True, filters={"label": [f"{WORKBENCH}={place}"]}):
        stillborn = raw["State"] == "created" and engine.now() - raw["Created"] >= STARTS_WITHIN
        if stillborn or raw["State"] in {"exited", "dead"}:
            discard(engine, raw["Id"])
