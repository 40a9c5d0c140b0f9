"""What the faults suite says about an application's data after a restore."""

import pytest

from tests.faults.data import Marks, wrong

MARKS = Marks(now="later", backed_up="earlier")


@pytest.mark.parametrize(
    ("rows", "files", "code", "said"),
    [
        ("earlier", "earlier", 0, ""),
        ("later", "later", 8, ""),
        ("earlier", "earlier", 8, ""),
        ("earlier", "later", 10, "hint: the database had been replaced before"),
        ("earlier", "later", -9, ""),
    ],
)
def test_data_as_the_restore_says_is_in_order(rows: str, files: str, code: int, said: str) -> None:
    assert list(wrong(MARKS, rows, files, code, said)) == []


@pytest.mark.parametrize(
    ("rows", "files", "code"),
    [
        ("later", "later", 0),
        ("earlier", "later", 0),
        ("earlier", "later", 8),
        ("later", "earlier", -9),
        ("earlier,later", "earlier", -9),
        ("later", "earlier,later", 8),
        ("later", "in 4 files", 8),
    ],
)
def test_a_restore_that_does_nothing_or_a_half_is_found(rows: str, files: str, code: int) -> None:
    assert list(wrong(MARKS, rows, files, code, ""))


def test_only_a_power_cut_may_leave_an_exchange_half_done() -> None:
    assert list(wrong(MARKS, "earlier", "earlier,later", -9, "", cut_off=True)) == []
