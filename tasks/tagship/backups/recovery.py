"""Recovers a database cluster from its base backups and WAL archive to a point in time, into a volume of its own.

The running database isn't touched: nothing here stops it, writes to its volume, or archives on its behalf.
"""

import re
import shlex
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tagship.backups import archive, pgbackrest
from tagship.backups.pgbackrest import Base
from tagship.backups.workbench import Workbench
from tagship.engine import archives, volumes
from tagship.engine.client import Engine
from tagship.errors import BackupError, ConfigError, EngineError
from tagship.names import LABEL, Place

Step = Callable[[str], AbstractContextManager[None]]
Check = Callable[[Workbench], None]
DATA = "PGBACKREST_PG1_PATH"
UNFINISHED = "tagship-recovering"
"""A file among the database's, from the base backup's arrival until the server has stopped cleanly."""
_LOG = "/tmp/recovery.log"  # noqa: S108 - in a throwaway container
_NETWORK = "bridge"
_PAUSE = 0.2
_IN_USE = 409
_RELEASED = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between attempts to remove a volume."""
_ROOM = 1.1
"""Free space that is needed, in sizes of the cluster."""
_ALONE = ("archive_mode=on", "archive_command=", "listen_addresses=", "logging_collector=off", "hot_standby=on")
"""Settings of a server that recovers. It doesn't archive, but PostgreSQL notes what to archive once it is in use.

With archive_mode=off, the history of its new timeline and its first segments would never be archived, and the next
recovery would give another timeline the same number.
"""
_FETCH = r"""
if [ -e /tmp/alone ]; then exec cp "/tmp/wal/$1" "$2"; fi
pgbackrest archive-get "$1" "$2" --log-level-console=off --log-level-stderr=warn --log-level-file=off
code=$?
[ $code -le 1 ] || exit 255
[ $code -eq 0 ] || exit 1
{ mkdir -p /tmp/wal && cd /tmp/wal && cp "$OLDPWD/$2" "$1" && ls -t | tail -n +5 | xargs -r rm; } || exit 255
"""
"""Fetches a segment for PostgreSQL, and keeps the last few: at its target it reads one again, now without a network.

Only 1 means that the archive has no such segment. PostgreSQL would understand any other code up to 125 in the same way,
and open a database that lacks the rest because the store failed for a moment. At 255 it stops.
"""
_TEMPORARY = ("restore_command", "recovery_target_time", "recovery_target_action")
_STATE = "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END"


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


def cluster(place: Place, model: Mapping[str, Any], service: str) -> Cluster:
    """A database, from the accessories' Compose project. Raises ConfigError if it isn't set up for this."""
    settings = model["services"][service]
    given = {key: str(value or "").replace("$$", "$") for key, value in (settings.get("environment") or {}).items()}
    if missing := [name for name in ("PGBACKREST_STANZA", DATA) if not given.get(name)]:
        raise ConfigError(
            f"Accessory {service} has no {', '.join(missing)}.",
            hint="set up pgBackRest in its variables, as docs/point-in-time.md says",
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
    with Workbench(engine, f"tagship-look-{of.place}", of.image, {"Mounts": [mount], "NetworkMode": "none"}) as bench:
        return not _finished(bench, of.environment[DATA])


def _users(engine: Engine, volume: str) -> list[str]:
    """The containers with a volume, running or not, except those that recover."""
    found = engine.get("/containers/json", all=True, filters={"volume": [volume]})
    return [raw["Names"][0].lstrip("/") for raw in found if f"{LABEL}.workbench" not in (raw["Labels"] or {})]


def _finished(bench: Workbench, data: str) -> bool:
    """Whether a folder has a database, and not one that was still recovering."""
    script = (
        'cd "$0" 2>/dev/null && [ -e global/pg_control ] && [ ! -e recovery.signal ] && [ ! -e "$1" ] && echo yes; :'
    )
    return bool(archive.run(bench.engine, bench.id, ("sh", "-c", script, data, UNFINISHED)))


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
    host = {"Mounts": [mount], "NetworkMode": _NETWORK}
    files = archives.pack([(tarfile.TarInfo("fetch"), _FETCH.encode())])
    with Workbench(engine, f"tagship-recovery-{of.place}", of.image, host, config=config, files=files) as bench:
        recovery = _Recovery(bench, of, at)
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


class _Recovery:
    """A server that recovers in a workbench."""

    def __init__(self, bench: Workbench, of: Cluster, at: datetime | None) -> None:
        self._bench = bench
        self._of = of
        self._at = at
        self._data = of.environment[DATA]

    def prepare(self, volume: str) -> Base:
        """Choose the base backup, and make room. Raises BackupError if the time is before all, or there is no room."""
        repository = pgbackrest.repository(self._run(*pgbackrest.INFO))
        base = repository.before(self._at) if self._at else (repository.bases or (None,))[-1]
        if base is None:
            first = repository.bases[0].ended if repository.bases else None
            raise BackupError(
                f"No base backup ended before {self._at}." if self._at else "There is no base backup.",
                hint=f"give a time after {first}" if first else "run `tagship pitr.base`",
            )
        if _finished(self._bench, self._data):
            raise BackupError(f"Volume {volume} already has a database.", hint="use it, or remove it first")
        self._run("sh", "-c", 'mkdir -p "$0" && chmod 700 "$0" && find "$0" -mindepth 1 -delete', self._data)
        room = archive.free(self._run("df", "-Pk", self._data))
        if room < base.size * _ROOM:
            raise BackupError(f"The disk has {room // 10**6} MB free, and the database has {base.size // 10**6} MB.")
        return base

    def restore(self, base: Base) -> None:
        """Restore the base backup. pgBackRest compares each file's checksum."""
        fetch = '--recovery-option=restore_command=sh /run/fetch %f "%p"'
        self._run("pgbackrest", "restore", *pgbackrest.arguments(base, self._at), fetch, *pgbackrest.QUIET)
        self._run("touch", f"{self._data}/{UNFINISHED}")

    def start(self) -> None:
        """Start the server with the accessory's own settings, but alone. Raises BackupError with its reason."""
        own = self._of.command[1:] if self._of.command[:1] == ("postgres",) else ()
        alone = [word for setting in _ALONE for word in ("-c", setting)]
        options = shlex.join((*own, *alone))
        try:
            self._pg_ctl("start", f"--log={_LOG}", "--timeout=86400", f"--options={options}")
        except BackupError:
            raise self._failure() from None

    def replay(self) -> datetime | None:
        """Wait until it has replayed all it should. Returns the last commit."""
        while True:
            recovering, paused = self._ask(_STATE).split("|")
            if recovering == "f" or paused == "t":
                break
            time.sleep(_PAUSE)
        words = self._run("cat", _LOG)
        if self._at is None:
            found = re.findall(r"last completed transaction was at log time (.+)", words)
            return datetime.fromisoformat(found[-1]) if found else None
        last = self._ask("SELECT coalesce(extract(epoch FROM pg_last_xact_replay_timestamp()), 0)")
        return datetime.fromtimestamp(float(last), UTC) if float(last) else None

    def open(self) -> None:
        """Take the network away, then let it write. So nothing in it, such as a scheduler, can reach anything."""
        self._run("touch", "/tmp/alone")  # noqa: S108 - in a throwaway container
        self._bench.engine.call("POST", f"/networks/{_NETWORK}/disconnect", {"Container": self._bench.id})
        if self._ask("SELECT pg_is_in_recovery()") == "t":
            self._ask("SELECT pg_wal_replay_resume()")
        while self._ask("SELECT pg_is_in_recovery()") == "t":
            time.sleep(_PAUSE)
        for setting in _TEMPORARY:
            self._ask(f"ALTER SYSTEM RESET {setting}")

    def stop(self) -> None:
        """Stop it cleanly, with everything on disk."""
        self._pg_ctl("stop", "--mode=fast", "--timeout=3600")
        self._run("rm", f"{self._data}/{UNFINISHED}")

    def _ask(self, text: str) -> str:
        try:
            return ask(self._bench, self._of, text)
        except BackupError:
            if self._serves():
                raise
            raise self._failure() from None

    def _serves(self) -> bool:
        try:
            self._pg_ctl("status")
        except BackupError:
            return False
        return True

    def _failure(self) -> BackupError:
        words = self._run("sh", "-c", f"cat {_LOG} 2>/dev/null || true")
        if "recovery ended before configured recovery target was reached" in words:
            last = re.findall(r"last completed transaction was at log time (.+)", words)
            return BackupError(
                f"The archive ends before {self._at}.{f' Its last commit was at {last[-1]}.' if last else ''}",
                hint="give an earlier time, or no time to recover all that was archived",
            )
        told = [line for line in words.splitlines() if re.search("FATAL|PANIC|ERROR", line)] or words.splitlines()
        return BackupError("The database doesn't recover:\n" + "\n".join(told[-5:]))

    def _pg_ctl(self, *words: str) -> str:
        return self._run("pg_ctl", f"--pgdata={self._data}", "--silent", *words)

    def _run(self, *argv: str) -> str:
        return archive.run(self._bench.engine, self._bench.id, argv)


def ask(bench: Workbench, of: Cluster, text: str, database: str = "postgres") -> str:
    """What a query of the recovered server prints. Raises BackupError."""
    return archive.query(bench.engine, bench.id, of.environment, text, database)
