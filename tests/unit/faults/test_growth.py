"""A soak's verdict: what grows is found, what only moves is not."""

from xml.etree import ElementTree as ET

from tests.faults.growth import Quantity, picture, table


def measured(*values: float, slack: float = 0, by_design: str = "") -> Quantity:
    """A quantity with these values, a minute apart."""
    return Quantity("memory", "MiB", slack, by_design, [(60.0 * at, value) for at, value in enumerate(values)])


def test_a_leak_is_found() -> None:
    assert measured(*range(100, 140)).grew


def test_what_only_moves_does_not_grow() -> None:
    assert not measured(*(100 + at % 7 for at in range(40))).grew


def test_what_warms_up_does_not_grow() -> None:
    assert not measured(*range(10), *(10 for _ in range(30))).grew


def test_one_process_more_than_none_is_growth_unless_its_slack_allows_it() -> None:
    rising = (0,) * 20 + (1,) * 20

    assert measured(*rising).grew
    assert not measured(*rising, slack=1).grew


def test_a_ledger_may_grow() -> None:
    quantity = measured(*range(100, 140), by_design="a line for each deploy")

    assert not quantity.grew
    assert "a line for each deploy" in quantity.line


def test_nothing_is_decided_by_a_few_samples() -> None:
    assert not measured(1, 2, 3).grew


def test_the_picture_has_a_curve_for_each_and_marks_what_grew() -> None:
    drawn = picture([measured(*range(100, 140)), measured(*(5,) * 40), Quantity("nothing")], "A soak <1 h>")

    root = ET.fromstring(drawn)  # noqa: S314 - our own picture
    groups = root.findall("{http://www.w3.org/2000/svg}g")
    assert [group.get("class") for group in groups] == ["grown", None]


def test_the_table_says_what_grew() -> None:
    assert list(table([measured(*range(100, 140))]))[-1].endswith("| **grew** |")
