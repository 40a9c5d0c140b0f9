"""Decides which backups stay and which go, and why. Pure.

Generations follow the calendar in UTC: of each of the newest N days, weeks and months *that have a backup*, the newest
backup stays. So time alone removes nothing: without a new backup, pruning again removes no whole one, however far the
clock has gone. Whatever order backups come in, pruning each day leaves what pruning once at the end would leave.

Never removed: pinned backups, the newest `last`, those that a rollback of the last migration may restore, backups of
the future (some clock was wrong; they don't count as new either), and unfinished ones that may still run.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tagship.backups.catalogue import Backup
from tagship.project.backup_settings import Keep

MAY_RUN = timedelta(days=1)
"""An unfinished backup that is younger may still be written."""


@dataclass(frozen=True)
class Decision:
    """What becomes of a backup."""

    backup: Backup
    stays: bool
    why: str


@dataclass(frozen=True)
class _Generation:
    """A kind of period, and which backup is the newest of each of its newest few."""

    name: str
    unit: str
    period: Callable[[datetime], tuple[int, ...]]
    newest: dict[tuple[int, ...], str]

    def holds(self, backup: Backup) -> bool:
        return self.newest.get(self.period(backup.at)) == backup.id


def decide(backups: Iterable[Backup], keep: Keep, now: datetime) -> list[Decision]:
    """A decision for each backup, newest first."""
    ordered = sorted(backups, key=lambda backup: backup.id, reverse=True)
    counted = [backup for backup in ordered if backup.whole and backup.at <= now]
    last = {backup.id for backup in counted[: keep.last]}
    # several lead back to the same release if migrating failed at first; then a rollback restores the oldest
    way_back = next((backup.way_back for backup in counted if backup.way_back), "")
    generations = (
        _generation("daily", "day", _day, keep.daily, counted),
        _generation("weekly", "week", _week, keep.weekly, counted),
        _generation("monthly", "month", _month, keep.monthly, counted),
    )

    def decision(backup: Backup) -> Decision:
        if backup.pinned:
            return Decision(backup, stays=True, why="pinned")
        if not backup.whole:
            return _unfinished(backup, counted, now)
        if backup.way_back and backup.way_back == way_back:
            return Decision(backup, stays=True, why=f"way back to {way_back}")
        if backup.at > now:
            return Decision(backup, stays=True, why="its time is in the future")
        reasons = [f"last {keep.last}"] if backup.id in last else []
        reasons += [generation.name for generation in generations if generation.holds(backup)]
        if reasons:
            return Decision(backup, stays=True, why=", ".join(reasons))
        return Decision(backup, stays=False, why=_superseded(backup, generations))

    return [decision(backup) for backup in ordered]


def most(keep: Keep) -> int:
    """How many backups stay at most, beside those that are pinned, a way back, unfinished, or of the future."""
    return keep.daily + keep.weekly + keep.monthly + keep.last


def _unfinished(backup: Backup, counted: Sequence[Backup], now: datetime) -> Decision:
    """It goes when it is a day old and a later backup has succeeded; the second test guards against a wrong clock."""
    if now - backup.at < MAY_RUN:
        return Decision(backup, stays=True, why="unfinished, may still run")
    if not counted or counted[0].at < backup.at:
        return Decision(backup, stays=True, why="unfinished, and none has succeeded since")
    return Decision(backup, stays=False, why="unfinished")


def _superseded(backup: Backup, generations: Iterable[_Generation]) -> str:
    for generation in generations:
        if generation.period(backup.at) in generation.newest:
            return f"not the newest of its {generation.unit}"
    return "older than all that is kept"


def _generation(
    name: str, unit: str, period: Callable[[datetime], tuple[int, ...]], size: int, counted: Iterable[Backup]
) -> _Generation:
    newest: dict[tuple[int, ...], str] = {}
    for backup in counted:
        if len(newest) == size:
            break
        newest.setdefault(period(backup.at), backup.id)
    return _Generation(name, unit, period, newest)


def _day(at: datetime) -> tuple[int, ...]:
    return at.year, at.month, at.day


def _week(at: datetime) -> tuple[int, ...]:
    year, week, _ = at.isocalendar()
    return year, week


def _month(at: datetime) -> tuple[int, ...]:
    return at.year, at.month
