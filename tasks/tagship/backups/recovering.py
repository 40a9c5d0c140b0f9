"""A database server in a throwaway container, while it recovers from a base backup and the WAL archive."""

import re
import shlex
import time
from datetime import UTC, datetime

from tagship.backups import archive, pgbackrest
from tagship.backups.cluster import DATA, Cluster
from tagship.backups.pgbackrest import Base
from tagship.backups.workbench import Workbench
from tagship.errors import BackupError

UNFINISHED = "tagship-recovering"
"""A file among the database's, from the base backup's arrival until the server has stopped cleanly."""
_LOG = "/tmp/recovery.log"  # noqa: S108 - in a throwaway container
NETWORK = "bridge"
_PAUSE = 0.2
_ROOM = 1.1
"""Free space that is needed, in sizes of the cluster."""
_ALONE = ("archive_mode=on", "archive_command=", "listen_addresses=", "logging_collector=off", "hot_standby=on")
"""Settings of a server that recovers. It doesn't archive, but PostgreSQL notes what to archive once it is in use.

With archive_mode=off, the history of its new timeline and its first segments would never be archived, and the next
recovery would give another timeline the same number.
"""
FETCH = r"""
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


class Recovering:
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
        if finished(self._bench, self._data):
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
        self._bench.engine.call("POST", f"/networks/{NETWORK}/disconnect", {"Container": self._bench.id})
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


def finished(bench: Workbench, data: str) -> bool:
    """Whether a folder has a database, and not one that was still recovering."""
    script = (
        'cd "$0" 2>/dev/null && [ -e global/pg_control ] && [ ! -e recovery.signal ] && [ ! -e "$1" ] && echo yes; :'
    )
    return bool(archive.run(bench.engine, bench.id, ("sh", "-c", script, data, UNFINISHED)))


def ask(bench: Workbench, of: Cluster, text: str, database: str = "postgres") -> str:
    """What a query of the recovered server prints. Raises BackupError."""
    return archive.query(bench.engine, bench.id, of.environment, text, database)
