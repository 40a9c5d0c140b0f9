"""Medians, ranges, ratios, the table and the picture."""

import xml.etree.ElementTree as ET

from tests.bench.chart import chart
from tests.bench.results import Figure, Results, Row
from tests.bench.table import BEGIN, END, failures, replaced, shown, table

ROW = Row("deploy", "deploy", aim="≤ 2 s")


def results(**contenders: list[float]) -> Results:
    found = Results()
    for who, values in contenders.items():
        for number, value in enumerate(values):
            found.add("deploy", who, number, value)
    return found


def test_a_figure_is_the_median_with_the_range() -> None:
    assert Figure.of([3.0, 1.0, 2.0, 10.0]) == Figure(2.5, 1.0, 10.0)


def test_seconds_are_shown_with_their_range_and_counts_as_whole_numbers() -> None:
    assert shown(Figure(1.5, 1.0, 2.0), "s") == "1.50 s (1.00 \N{EN DASH} 2.00)"
    assert shown(Figure(19.6, 19.5, 20.4), "trips") == "20"


def test_the_ratio_is_that_of_the_medians() -> None:
    found = results(now=[2.0, 3.0, 4.0], floor=[1.0, 2.0, 2.0])

    assert found.ratio("deploy", "now", "floor") == 1.5


def test_without_a_floor_there_is_no_ratio() -> None:
    assert results(now=[2.0]).ratio("deploy", "now", "floor") is None


def test_a_row_less_another_is_taken_round_by_round() -> None:
    found = results(now=[2.0, 3.0, 9.0])
    found.add("boot", "floor", 0, 0.5)
    found.add("boot", "floor", 1, 1.0)

    found.subtract("deploy", "boot", "floor", "less", "now")

    assert found.values["less", "now"] == {0: 1.5, 1: 2.0}


def test_the_table_has_a_column_for_each_contender() -> None:
    found = results(now=[2.0], before=[3.0], floor=[1.0])

    assert table([ROW], ["before", "now", "floor"], found).splitlines() == [
        "|  | before | now | floor | now ÷ floor | aim |",
        "| --- | --- | --- | --- | --- | --- |",
        "| deploy | 3.00 s | 2.00 s | 1.00 s | 2.00 | ≤ 2 s |",
    ]


def test_a_failed_row_says_so_and_has_no_ratio() -> None:
    found = results(now=[2.0], floor=[1.0])
    found.fail("deploy", "now", "tagship ship ended with 8")

    assert table([ROW], ["now", "floor"], found).splitlines()[-1] == "| deploy | failed | 1.00 s |  | ≤ 2 s |"
    assert failures([ROW], found) == "- deploy, now: tagship ship ended with 8"


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = f"# Benchmarks\n\nProse.\n\n{BEGIN}\nold\n{END}\n\nMore.\n"

    assert replaced(page, "new") == f"# Benchmarks\n\nProse.\n\n{BEGIN}\nnew\n{END}\n\nMore.\n"


def test_a_page_without_markers_gets_them_at_its_end() -> None:
    assert replaced("# Benchmarks\n", "new") == f"# Benchmarks\n\n{BEGIN}\nnew\n{END}\n"


def test_the_picture_has_a_bar_for_each_median_on_one_scale() -> None:
    found = results(now=[2.0], floor=[1.0])

    picture = ET.fromstring(chart([ROW], ["now", "floor"], found))  # noqa: S314 - made a line above

    namespace = "{http://www.w3.org/2000/svg}"
    bars = [bar for bar in picture.iter(f"{namespace}rect") if float(bar.get("x", 0)) and bar.get("height") != "12"]
    now, floor = (float(bar.get("width", 0)) for bar in bars)
    assert now == 2 * floor


def test_the_picture_leaves_out_what_is_not_measured_in_seconds() -> None:
    found = Results()
    found.add("trips", "now", 0, 40)

    assert "round trips" not in chart([Row("trips", "round trips", "trips")], ["now"], found)
