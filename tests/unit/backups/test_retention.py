"""Which backups stay: by example, and over three simulated years of gaps, failures and wrong clocks."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tagship.backups import manifest, retention
from tagship.backups.catalogue import Backup
from tagship.project.backup_settings import Keep

START = datetime(2024, 1, 1, 3, 17, tzinfo=UTC)
DAYS = 3 * 366
KEEP = Keep()


def backup(at: datetime, *, whole: bool = True, pinned: bool = False) -> Backup:
    utc = at.replace(microsecond=0)
    return Backup(manifest.new_id(utc), utc, whole=whole, pinned=pinned)


def daily(days: int, *, until: datetime = START) -> list[Backup]:
    """One backup on each of so many days, the last one at this time; newest first."""
    return [backup(until - timedelta(days=day)) for day in range(days)]


def reasons(backups: list[Backup], keep: Keep = KEEP, now: datetime = START) -> dict[str, str]:
    """Day → why its backup stays."""
    return {f"{d.backup.at:%Y-%m-%d}": d.why for d in retention.decide(backups, keep, now) if d.stays}


def left(backups: list[Backup], keep: Keep, now: datetime) -> list[Backup]:
    """What stays after pruning."""
    return [decision.backup for decision in retention.decide(backups, keep, now) if decision.stays]


def test_the_newest_of_each_day_week_and_month_stays() -> None:
    kept = reasons(daily(500, until=datetime(2026, 11, 27, 3, tzinfo=UTC)), now=datetime(2026, 11, 27, 4, tzinfo=UTC))

    assert kept == {
        "2026-11-27": "last 3, daily, weekly, monthly",
        "2026-11-26": "last 3, daily",
        "2026-11-25": "last 3, daily",
        "2026-11-24": "daily",
        "2026-11-23": "daily",
        "2026-11-22": "daily, weekly",
        "2026-11-21": "daily",
        "2026-11-15": "weekly",
        "2026-11-08": "weekly",
        "2026-10-31": "monthly",
        "2026-09-30": "monthly",
        "2026-08-31": "monthly",
        "2026-07-31": "monthly",
        "2026-06-30": "monthly",
        "2026-05-31": "monthly",
        "2026-04-30": "monthly",
        "2026-03-31": "monthly",
        "2026-02-28": "monthly",
        "2026-01-31": "monthly",
        "2025-12-31": "monthly",
    }


def test_of_several_backups_of_a_day_the_newest_stays() -> None:
    hours = [backup(START.replace(hour=hour)) for hour in (1, 5, 9, 13, 17, 21)]

    decided = retention.decide(hours, Keep(last=1), START.replace(hour=22))

    assert [(d.backup.at.hour, d.stays, d.why) for d in decided][:2] == [
        (21, True, "last 1, daily, weekly, monthly"),
        (17, False, "not the newest of its day"),
    ]


def test_says_for_each_why_it_goes() -> None:
    backups = daily(800)

    gone = {(START - d.backup.at).days: d.why for d in retention.decide(backups, KEEP, START) if not d.stays}

    assert (gone[9], gone[40], gone[700]) == (
        "not the newest of its week",
        "not the newest of its month",
        "older than all that is kept",
    )


def test_a_pinned_backup_stays_however_old_it_is() -> None:
    old = replace(daily(1, until=START - timedelta(days=3000))[0], pinned=True)

    assert reasons([*daily(400), old])[f"{old.at:%Y-%m-%d}"] == "pinned"


def test_every_backup_that_a_rollback_of_the_last_migration_may_restore_stays() -> None:
    before, tried, again = (
        replace(backup(START.replace(hour=hour, day=3)), way_back="shop-production-0123abcd-456789")
        for hour in (4, 5, 6)
    )
    older = replace(backup(START.replace(hour=4, day=2)), way_back="shop-production-ffffffff-456789")
    later = [backup(START + timedelta(days=day)) for day in range(1, 30)]

    kept = left([older, before, tried, again, *later], KEEP, START + timedelta(days=30))

    assert {before, tried, again} <= set(kept)
    assert older not in kept


def test_an_unfinished_backup_goes_when_it_is_older_than_a_day_and_another_has_succeeded_since() -> None:
    fresh = backup(START - timedelta(hours=23), whole=False)
    stale = backup(START - timedelta(hours=25), whole=False)
    after = backup(START - timedelta(hours=2))

    decided = {d.backup: d for d in retention.decide([fresh, stale, after], KEEP, START)}

    assert (decided[fresh].stays, decided[fresh].why) == (True, "unfinished, may still run")
    assert (decided[stale].stays, decided[stale].why) == (False, "unfinished")
    assert retention.decide([stale], KEEP, START)[0].stays


def test_unfinished_backups_never_take_the_place_of_whole_ones() -> None:
    whole = daily(3, until=START - timedelta(days=20))
    broken = [backup(START - timedelta(days=day), whole=False) for day in range(15)]

    assert set(whole) <= set(left([*whole, *broken], Keep(daily=3, weekly=0, monthly=0), START))


def test_backups_of_the_future_stay_and_take_no_place_from_others() -> None:
    future = daily(30, until=datetime(2030, 6, 1, tzinfo=UTC))

    kept = left([*future, *daily(30)], Keep(daily=2, weekly=0, monthly=0, last=1), START)

    assert kept == [*future, *daily(30)[:0], *kept[30:]]
    assert [b.at for b in kept[30:]] == [START, START - timedelta(days=1)]


def test_a_clock_in_the_future_removes_nothing_more() -> None:
    kept = left(daily(500), KEEP, START)

    assert left(kept, KEEP, START + timedelta(days=4000)) == kept


def test_a_clock_in_the_past_removes_nothing_at_all() -> None:
    assert len(left(daily(500), KEEP, START - timedelta(days=4000))) == 500


@dataclass
class World:
    """A store over three years: what was made, and what is left."""

    keep: Keep
    made: list[Backup] = field(default_factory=list)
    kept: list[Backup] = field(default_factory=list)

    def back_up(self, now: datetime, *, whole: bool = True, pinned: bool = False) -> Backup:
        """Make a backup, then prune, as a timer would."""
        made = backup(now, whole=whole, pinned=pinned)
        self.made.append(made)
        self.kept = left([*self.kept, made], self.keep, now)
        return made

    @property
    def whole(self) -> list[Backup]:
        """Those left that count."""
        return [backup for backup in self.kept if backup.whole]


keeps = st.builds(
    Keep,
    daily=st.integers(0, 10),
    weekly=st.integers(0, 6),
    monthly=st.integers(0, 14),
    last=st.integers(1, 5),
)
rates = st.sampled_from([0.0, 0.05, 0.3, 0.9])


thoroughly = settings(max_examples=4, deadline=None, derandomize=True)


def years(seed: int, gaps: float, failures: float = 0) -> Iterator[tuple[timedelta, bool, bool]]:
    """When backups run in three years, whether each succeeds, and whether it is pinned. Gaps last up to 60 days."""
    chance = random.Random(seed)  # noqa: S311 - weather, no secret
    day = 0
    while day < DAYS:
        for second in sorted(chance.sample(range(86400), chance.choice((1, 1, 1, 2, 4)))):
            yield timedelta(days=day, seconds=second), chance.random() >= failures, chance.random() < 0.01
        day += 1 + (chance.randrange(1, 60) if chance.random() < gaps / 10 else 0)


@thoroughly
@given(keeps, st.integers(0, 2**32), rates, rates)
def test_three_years_of_daily_pruning_leave_what_pruning_once_would_leave(
    keep: Keep, seed: int, gaps: float, failures: float
) -> None:
    world = World(keep)
    succeeded = pins = 0
    for passed, whole, pinned in years(seed, gaps, failures):
        now = START + passed
        made = world.back_up(now, whole=whole, pinned=pinned)
        succeeded, pins = succeeded + whole, pins + pinned

        assert not whole or made in world.kept
        assert min(keep.last, succeeded) <= len(world.whole) <= retention.most(keep) + pins

    assert world.whole == [backup for backup in left(world.made, keep, now) if backup.whole]


@thoroughly
@given(st.integers(0, 2**32), rates, rates)
def test_the_last_backup_of_a_month_stays_for_as_many_months_as_are_kept(
    seed: int, gaps: float, failures: float
) -> None:
    world = World(KEEP)
    last: dict[str, Backup] = {}
    for passed, whole, _ in years(seed, gaps, failures):
        made = world.back_up(START + passed, whole=whole)
        if whole:
            last[f"{made.at:%Y-%m}"] = made

        assert set(list(last.values())[-KEEP.monthly :]) <= set(world.kept)


jumps = st.dictionaries(
    st.integers(0, DAYS), st.integers(-400, 1500).map(lambda days: timedelta(days=days)), max_size=4
)
"""On these days the clock is set wrong by so much, until it is set again."""


@thoroughly
@given(keeps, st.integers(0, 2**32), rates, jumps)
def test_wrong_clocks_never_cost_the_newest_backup_or_the_minimum(
    keep: Keep, seed: int, failures: float, jumps: dict[int, timedelta]
) -> None:
    world = World(keep)
    off = timedelta()
    for passed, whole, _ in years(seed, 0.05, failures):
        off = jumps.get(passed.days, off)
        now = START + passed + off
        before = len(world.whole)
        made = world.back_up(now, whole=whole)

        assert not whole or made in world.kept
        assert len(world.whole) >= min(keep.last, before)
        assert len([backup for backup in world.whole if backup.at <= now]) <= retention.most(keep)


@thoroughly
@given(keeps, st.integers(0, 2**32), rates, st.integers(0, 5000))
def test_time_alone_removes_no_whole_backup(keep: Keep, seed: int, failures: float, later: int) -> None:
    end = START + timedelta(days=DAYS)
    made = [backup(START + at, whole=whole) for at, whole, _ in years(seed, 0.3, failures)]
    once = [backup for backup in left(made, keep, end) if backup.whole]

    assert left(once, keep, end + timedelta(days=later)) == once
