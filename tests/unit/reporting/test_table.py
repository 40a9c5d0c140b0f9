"""Tables that fit the terminal."""

import sys
from datetime import UTC, datetime

import pytest

from tagship.reporting import table

HEAD = ("when", "release", "by", "result")
ROWS = [
    ("3 min ago", "shop-production-bbbbbbbb-000000", "ada@laptop", "the new release did not become ready in time"),
    ("2 d ago", "shop-production-aaaaaaaa-000000", "ci", "ok"),
]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal of 80 columns."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    return monkeypatch


def words(text: str) -> set[str]:
    """Its words."""
    return set(text.split())


def test_without_a_terminal_nothing_is_shortened() -> None:
    lines = table.table(ROWS, HEAD).splitlines()

    assert len(lines) == 4
    assert lines[2].endswith("the new release did not become ready in time")
    assert lines[0].split() == list(HEAD)


@pytest.mark.usefixtures("terminal")
def test_a_long_text_wraps_below_itself_between_words() -> None:
    lines = table.table(ROWS, HEAD).splitlines()

    assert max(map(len, lines)) <= 80
    assert words(" ".join(lines)) >= words(" ".join(cell for row in ROWS for cell in row))
    assert lines[3].startswith(" " * 56)


def test_what_matters_least_goes_first_and_only_if_it_must(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "70")

    head, *_ = table.table(ROWS, HEAD, drop=("by", "when")).splitlines()

    assert head.split() == ["when", "release", "result"]


def test_below_60_columns_each_value_has_a_line_of_its_own(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "40")

    first, second = table.table(ROWS, HEAD, drop=("when",), below=["why it is so", ""]).split("\n\n")

    assert first.splitlines()[0] == "release  shop-production-bbbbbbbb-000000"
    assert first.splitlines()[-1] == "why it is so"
    assert second.splitlines() == ["release  shop-production-aaaaaaaa-000000", "by       ci", "result   ok"]


@pytest.mark.usefixtures("terminal")
def test_a_note_stands_below_its_row_and_wraps() -> None:
    lines = table.table([("a", "b")], ("x", "y"), below=["word " * 30]).splitlines()

    assert lines[2] == "a  b"
    assert lines[3].startswith("   word")
    assert max(map(len, lines)) <= 80


def test_words_that_are_longer_than_the_terminal_stay_whole(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "30")

    assert table.fold("see https://example.com/a/very/long/address/of/something", 30) == [
        "see",
        "https://example.com/a/very/long/address/of/something",
    ]


def test_no_rows_are_no_table() -> None:
    assert table.table([], HEAD) == ""


def test_a_time_is_told_as_people_say_it() -> None:
    now = datetime(2026, 1, 1, 12, 5, tzinfo=UTC)

    assert table.ago("2026-01-01T12:00:00+00:00", now) == "5 min ago"
    assert table.ago("2026-01-01T12:05:01+00:00", now) == "0 s ago"
    assert table.ago("2026-01-01T12:00:00", now) == "5 min ago"
    assert table.ago("yesterday", now) == "yesterday"


def test_lines_stand_beside_their_title_or_below_it(terminal: pytest.MonkeyPatch) -> None:
    assert table.block("staging", ["up", "for ever"], 9) == "staging  up\n         for ever"

    terminal.setenv("COLUMNS", "40")

    assert table.block("staging", ["up"], 9) == "staging\n  up"


def test_an_error_breaks_between_words_with_its_hint_below_itself_and_a_programs_lines_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = (
        f"web ended with exit code 3:\n  web | {'x ' * 30}\n  hint: correct that, then deploy again; the old one serves"
    )
    monkeypatch.setenv("COLUMNS", "40")
    assert table.folded(said) == said

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

    assert table.folded(said).split("\n") == [
        "web ended with exit code 3:",
        f"  web | {'x ' * 30}",
        "  hint: correct that, then deploy again;",
        "        the old one serves",
    ]
    assert table.folded(f"  {'word ' * 10}", 2).split("\n") == [
        f"  {'word ' * 7}".rstrip(),
        f"  {'word ' * 3}".rstrip(),
    ]
    assert table.folded(f"{'first ' * 8}\n{'other ' * 8}", 2).split("\n") == [
        f"{'first ' * 6}".rstrip(),
        "  first first",
        f"{'other ' * 6}".rstrip(),
        "  other other",
    ]


def test_a_cell_of_only_spaces_is_left_out_of_a_narrow_terminal(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "50")

    assert table.table([("  ", "web")], ("image", "service")) == "service  web"
