"""The lock on the engine that lets only one deploy at a time change an environment.

Creating a container by name is atomic, so the creator of `tagship-lock-APP-ENV` holds the lock. The container is never
started; a file in it says when the lock expires, by the engine's clock. An expired lock is removed by the id that was
read, so that of two deploys that see it, only one gets it. `lease` holds the lock while a command runs.
"""

import getpass
import json
import os
import socket
import tarfile
from dataclasses import asdict, dataclass, fields

from tagship.engine import archives
from tagship.engine.client import Engine
from tagship.errors import EngineError, LockedError
from tagship.names import LABEL, Holder, Place

TTL = 60.0
"""Seconds until a lock expires after its last renewal, and so how long a killed deploy can delay the next."""
IMAGE, TAG = "tagship/empty", "1"
_FILE = "expires"
_CONFLICT, _MISSING = 409, 404


@dataclass(frozen=True)
class Lock:
    """A lock on the engine. Times are the engine's, seconds since the epoch."""

    id: str
    holder: Holder
    since: float
    expires: float


def name(place: Place) -> str:
    """The name of the lock's container."""
    return f"tagship-lock-{place}"


def read(engine: Engine, place: Place) -> Lock | None:
    """The current lock, or None."""
    try:
        found = engine.get(f"/containers/{name(place)}/json")
    except EngineError as error:
        if error.status == _MISSING:
            return None
        raise
    labels = found["Config"]["Labels"]
    said = json.loads(labels[f"{LABEL}.holder"])  # by any version, so perhaps with more than this one knows
    holder = Holder(**{field.name: said[field.name] for field in fields(Holder) if field.name in said})
    since = float(labels[f"{LABEL}.since"])
    return Lock(found["Id"], holder, since, _expiry(engine, found["Id"]) or since + TTL)


def create(engine: Engine, place: Place, holder: Holder, since: float) -> str:
    """Take the lock for TTL seconds from `since`, by the engine's clock. Returns its id; empty if it is taken."""
    labels = {
        f"{LABEL}.lock": str(place),
        f"{LABEL}.holder": json.dumps(asdict(holder)),
        f"{LABEL}.since": str(since),
    }
    wanted = {"Image": f"{IMAGE}:{TAG}", "Cmd": ["lock"], "Labels": labels, "NetworkDisabled": True}
    try:
        return str(engine.call("POST", "/containers/create", wanted, name=name(place))["Id"])
    except EngineError as error:
        if error.status == _MISSING:
            engine.load(archives.pack(()), IMAGE, TAG)
            return create(engine, place, holder, since)
        if error.status == _CONFLICT:
            return ""
        raise


def extend(engine: Engine, lock: str) -> None:
    """Renew a lock for TTL seconds from now. Raises EngineError if it is gone."""
    expires = str(engine.now() + TTL).encode()
    engine.put_archive(lock, "/", archives.pack([(tarfile.TarInfo(_FILE), expires)]))


def stands(engine: Engine, lock: str) -> bool:
    """Whether a lock still exists."""
    try:
        engine.get(f"/containers/{lock}/json")
    except EngineError as error:
        if error.status == _MISSING:
            return False
        raise
    return True


def release(engine: Engine, lock: str) -> None:
    """Remove a lock by its id, if it still exists."""
    try:
        engine.call("DELETE", f"/containers/{lock}", force=True)
    except EngineError as error:
        if error.status not in {_MISSING, _CONFLICT}:
            raise


def refusal(place: Place, held: Lock, now: float) -> LockedError:
    """The error for a deploy that finds the lock taken."""
    run = f", {held.holder.run}" if held.holder.run else ""
    return LockedError(
        f"{place} is locked by {held.holder.who} ({held.holder.doing}{run}) for {now - held.since:.0f} s.",
        hint=f"wait for it (--wait 600), or free a dead run's lock: `tagship lock.release --env {place.environment}`",
    )


def holder(doing: str) -> Holder:
    """The lock's holder: the run in CI, the user and machine elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        run = "/".join(os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
        return Holder(
            os.environ.get("GITHUB_ACTOR", "GitHub Actions"),
            doing,
            f"{run}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}",
        )
    return Holder(f"{getpass.getuser()}@{socket.gethostname()}", doing)


def _expiry(engine: Engine, lock: str) -> float:
    try:
        return float(archives.read(engine, lock, f"/{_FILE}") or 0)
    except (EngineError, ValueError):
        return 0  # just created: the label's time counts
