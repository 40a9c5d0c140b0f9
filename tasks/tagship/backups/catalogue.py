"""Which backups of an environment a store holds. Names say it all, so thousands list without one being read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tagship.backups import manifest
from tagship.backups.store import Store, Stored
from tagship.errors import BackupError
from tagship.names import Place

_AHEAD = timedelta(days=1)
"""How far a backup's time may be in the future, by a wrong clock, for it to be taken for the newest."""


@dataclass(frozen=True)
class Backup:
    """A backup as its objects' names and sizes show it."""

    id: str
    at: datetime
    """When its snapshot was taken, in UTC, to the second."""
    size: int = 0
    """Bytes of all its objects."""
    whole: bool = True
    """Whether it has a manifest, which is written last."""
    pinned: bool = False
    way_back: str = ""
    """The release that was live when it was made before migrating; empty for other backups."""
    objects: tuple[str, ...] = ()
    """The names of its objects in the store."""


def listed(store: Store, place: Place) -> list[Backup]:
    """All backups of an environment, newest first, unfinished ones too. Objects that belong to none are ignored."""
    return backups(store.names(f"{place}/"), place)


def backups(stored: Iterable[Stored], place: Place) -> list[Backup]:
    """The backups that objects make up, newest first."""
    found: dict[str, list[Stored]] = {}
    for each in stored:
        backup, _, file = each.name.removeprefix(f"{place}/").partition("/")
        if file:
            found.setdefault(backup, []).append(each)
    times = {backup: at for backup in found if (at := manifest.taken(backup))}
    return [_backup(backup, times[backup], found[backup]) for backup in sorted(times, reverse=True)]


def chosen(among: Sequence[Backup], at: str = "", now: datetime | None = None) -> Backup:
    """The backup that `--at` means: an id or its beginning, or the newest at or before a time; without it, the newest.

    Only whole backups count. A time is ISO 8601, in UTC if it names no zone. Raises BackupError.
    """
    whole = [backup for backup in among if backup.whole]
    if not whole:
        raise BackupError("There is no backup.", hint="create one with `backup.create`")
    if not at:
        until = (now or datetime.now(UTC)) + _AHEAD
        return next((backup for backup in whole if backup.at < until), whole[0])
    if named := [backup for backup in whole if backup.id.startswith(at)]:
        if len(named) > 1:
            raise BackupError(f"{len(named)} backups begin with {at}.", hint=f"write more of it: {named[0].id}")
        return named[0]
    if any(backup.id.startswith(at) for backup in among):
        raise BackupError(f"The backup {at} is unfinished.", hint="use one that `backup.list` shows as whole")
    return _newest(whole, at)


def _newest(whole: Sequence[Backup], at: str) -> Backup:
    try:
        time = datetime.fromisoformat(at)
    except ValueError:
        hint = "see `backup.list`, or write a time like 2026-11-27T10:15:00Z"
        raise BackupError(f"{at!r} is neither a backup nor a time.", hint=hint) from None
    utc = time.replace(tzinfo=time.tzinfo or UTC)
    for backup in whole:
        if backup.at <= utc:
            return backup
    raise BackupError(f"No backup is as old as {at}.", hint=f"use the oldest, {whole[-1].id}")


def _backup(backup: str, at: datetime, stored: Sequence[Stored]) -> Backup:
    files = {each.name.rpartition("/")[2] for each in stored}
    ways = [file for file in files if file.startswith(manifest.WAY_BACK)]
    return Backup(
        id=backup,
        at=at,
        size=sum(each.size for each in stored),
        whole=manifest.MANIFEST in files and len(files - {manifest.PINNED, *ways}) > 1,
        pinned=manifest.PINNED in files,
        way_back=ways[0].removeprefix(manifest.WAY_BACK) if ways else "",
        objects=tuple(each.name for each in stored),
    )
