"""The order of measurements."""

from tests.bench.__main__ import turns


def test_each_round_begins_with_another_contender() -> None:
    assert [turns(["now", "before", "floor"], number) for number in (1, 2, 3)] == [
        ["before", "floor", "now"],
        ["floor", "now", "before"],
        ["now", "before", "floor"],
    ]
