"""Recovers a database cluster from its base backups and WAL archive to a point in time, into a volume of its own.

The running database isn't touched: nothing here stops it, writes to its volume, or archives on its behalf.
"""

import tarfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from tagship.backups import archive
from tagship.backups.cluster import DATA, Cluster
from tagship.backups.leftovers import WORKBENCH
from tagship.backups.recovering import FETCH, NETWORK, Recovering, finished
from tagship.backups.workbench import Workbench
from tagship.engine import archives, volumes
from tagship.engine.client import Engine
from tagship.errors import BackupError, EngineError
from tagship.names import LABEL

Step = Callable[[str], AbstractContextManager[None]]
Check = Callable[[Workbench], None]
_IN_USE = 409
_RELEASED = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between attempts to remove a volume."""


@dataclass(frozen=True)
class Recovered:
    """A recovered cluster: stopped cleanly, in a volume of its own."""

    volume: str
    base: str
    """The base backup it began with."""
    last: datetime | None
    """The last commit that was replayed; None if there was none since the base backup."""
    restored: float
    """Seconds to restore the base backup."""
    replayed: float
    """Seconds to replay WAL and open the database."""


def recover(  # noqa: PLR0913 - what it consists of
    engine: Engine, of: Cluster, volume: str, at: datetime | None, step: Step, *, check: Check | None = None
) -> Recovered:
    """Recover into a volume, up to a time or to the archive's end; then run a check and stop the server cleanly.

    The volume is created. One with an unfinished recovery is emptied first. Raises BackupError for one in use or with a
    database, and for a time that can't be reached; StoreError, LockedError.
    """
    if using := _users(engine, volume):
        raise BackupError(f"Volume {volume} is in use by {', '.join(using)}.", hint="remove that container first")
    unknown = volume not in volumes.existing(engine)
    labels = {f"{LABEL}.app": of.place.app, f"{LABEL}.environment": of.place.environment}
    engine.call("POST", "/volumes/create", {"Name": volume, "Labels": labels})
    try:
        return _recovered(engine, of, volume, at, step, check)
    except BaseException:
        if unknown:
            remove(engine, volume)
        raise


def suffix(at: datetime | None) -> str:
    """What is put behind a volume's name for its database as of a moment, `at-20261127t101530z`, in UTC."""
    return f"at-{at.astimezone(UTC):%Y%m%dt%H%M%Sz}" if at else "recovered"


def can_take(engine: Engine, of: Cluster) -> bool:
    """Whether the accessory's own volume may take a recovery: it is missing, or empty or unfinished and in no use."""
    if of.volume not in volumes.existing(engine):
        return True
    if _users(engine, of.volume):
        return False
    mount = {"Type": "volume", "Source": of.volume, "Target": of.target}
    with Workbench(
        engine, of.place, f"tagship-look-{of.place}", of.image, {"Mounts": [mount], "NetworkMode": "none"}
    ) as bench:
        return not finished(bench, of.environment[DATA])


def _users(engine: Engine, volume: str) -> list[str]:
    """The containers with a volume, running or not, except those that recover."""
    found = engine.get("/containers/json", all=True, filters={"volume": [volume]})
    return [raw["Names"][0].lstrip("/") for raw in found if WORKBENCH not in (raw["Labels"] or {})]


def remove(engine: Engine, volume: str) -> None:
    """Remove a volume, as soon as the engine has removed the container that used it."""
    for pause in _RELEASED:
        try:
            engine.call("DELETE", f"/volumes/{volume}", force=True)
        except EngineError as error:
            if error.status != _IN_USE:
                raise
            time.sleep(pause)
        else:
            return


def _recovered(  # noqa: PLR0913, PLR0917 - the same
    engine: Engine, of: Cluster, volume: str, at: datetime | None, step: Step, check: Check | None
) -> Recovered:
    mount = {"Type": "volume", "Source": volume, "Target": of.target}
    config = {"User": archive.POSTGRES, "Env": [f"{name}={value}" for name, value in of.environment.items()]}
    host = {"Mounts": [mount], "NetworkMode": NETWORK}
    files = archives.pack([(tarfile.TarInfo("fetch"), FETCH.encode())])
    with Workbench(
        engine, of.place, f"tagship-recovery-{of.place}", of.image, host, config=config, files=files
    ) as bench:
        recovery = Recovering(bench, of, at)
        with step("Look for a base backup"):
            base = recovery.prepare(volume)
        began = time.monotonic()
        with step(f"Restore base backup {base.label} into {volume}"):
            recovery.restore(base)
        restored = time.monotonic()
        with step(f"Replay WAL up to {at:%Y-%m-%d %H:%M:%S%z}" if at else "Replay WAL up to its end"):
            recovery.start()
            last = recovery.replay()
            recovery.open()
        replayed = time.monotonic()
        if check:
            with step("Check the recovered database"):
                check(bench)
        recovery.stop()
    return Recovered(volume, base.label, last, round(restored - began, 1), round(replayed - restored, 1))
