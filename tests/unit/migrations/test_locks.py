"""What counts as a lock timeout, and how long the pauses after one are."""

import pytest

from tagship.migrations import locks


@pytest.mark.parametrize(
    "said",
    [
        "django.db.utils.OperationalError: canceling statement due to lock timeout\nCONTEXT: …",
        "psycopg.errors.LockNotAvailable: Anweisung wird abgebrochen wegen Zeitüberschreitung bei Sperre",
        "asyncpg.exceptions.LockNotAvailableError: …",
        "SQLSTATE[55P03]: Lock not available: 7 ERROR",
        "PG::LockNotAvailable: ERROR",
    ],
)
def test_every_frameworks_report_of_a_lock_timeout_is_recognised(said: str) -> None:
    assert locks.timed_out(said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "canceling statement due to statement timeout",
        "deadlock detected",
        'relation "a155P03b" already exists',
        "could not connect: timeout expired",
    ],
)
def test_no_other_failure_is_taken_for_a_lock_timeout(said: str) -> None:
    assert not locks.timed_out(said)


def test_the_pauses_double_up_to_half_a_minute_and_are_as_many_as_allowed() -> None:
    assert list(locks.pauses(7)) == [1, 2, 4, 8, 16, 30, 30]
    assert list(locks.pauses(0)) == []
