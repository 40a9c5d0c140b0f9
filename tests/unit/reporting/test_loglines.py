"""Lines of containers, as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tagship.reporting import loglines

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=timezone(timedelta(hours=1)))


def test_a_time_is_by_the_viewers_clock() -> None:
    assert loglines.clock("2026-11-27T10:00:00.123456789Z", NOW) == "11:00:00"


def test_another_day_is_named() -> None:
    assert loglines.clock("2026-11-26T22:30:00.123456789Z", NOW) == "Nov 26 23:30:00"
    assert loglines.clock("2026-11-26T23:30:00.123456789Z", NOW) == "00:30:00"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET / 200", "GET / 200"),
        ('{"level": "info", "message": "it runs", "port": 80}', "INFO it runs port=80"),
        ('{"level": 50, "time": 1, "msg": "no"}', "ERROR no"),
        ('{"severity": "WARNING", "event": "slow", "path": "/a b", "took": 1.5}', 'WARNING slow path="/a b" took=1.5'),
        ('{"a": {"b": [1]}, "c": null}', 'a={"b":[1]} c=null'),
        ('{"half', '{"half'),
        ("{}", "{}"),
        ("[1]", "[1]"),
    ],
)
def test_json_becomes_level_message_and_fields(text: str, shown: str) -> None:
    assert loglines.rendered(text, terminal=False, color=False) == [shown]


def test_a_traceback_in_json_has_its_lines() -> None:
    text = '{"level": "error", "message": "oh", "exc_info": "Traceback:\\n  x\\nKeyError: y"}'

    assert loglines.rendered(text, terminal=False, color=False) == ["ERROR oh", "Traceback:", "  x", "KeyError: y"]


def test_only_what_is_bad_has_a_colour_of_ours() -> None:
    def shown(level: str) -> list[str]:
        return loglines.rendered(f'{{"level": "{level}", "msg": "x"}}', terminal=True, color=True)

    assert shown("error") == ["\x1b[31mERROR\x1b[0m x"]
    assert shown("warning") == ["\x1b[33mWARNING\x1b[0m x"]
    assert shown("info") == ["INFO x"]


def test_an_app_cannot_change_the_terminal() -> None:
    text = "\x1b[31mred\x1b[0m\x1b[2J\x1b]0;title\x07\x1b[1;1H\x08!"

    assert loglines.rendered(text, terminal=True, color=True) == ["\x1b[31mred\x1b[0m!"]
    assert loglines.rendered(text, terminal=True, color=False) == ["red!"]
    assert loglines.rendered(text, terminal=False, color=False) == [text]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b\x00]52;c;ZXZpbA==\x1b\x00\\", "]52;c;ZXZpbA==\\"),
        ("\x1b\x1b[2J[2J!", "[2J!"),
        ("\x1b[\x1b[31m2J!", "\x1b[31m2J!"),
        ("\x1b]0;\x1b]0;title\x07!", "0;!"),
        ("\x1bc \x1b[5r \x1b[c \x1b[21t \x1b(0 \x1b[>0q \x1b[!p!", "      !"),
        ("\x1bP+q544e\x1b\\ \x1b_a\x07 \x1b]0;open", "  0;open"),
        ("\u009b2J \u009d0;x\u009c \x7f\x85\n!", "2J 0;x !"),
        ("\x1b[38:2::1:2:3ma\tb\x1b[0m\x1b", "\x1b[38:2::1:2:3ma\tb\x1b[0m"),
    ],
)
def test_nothing_but_colours_is_left_or_put_together(text: str, shown: str) -> None:
    assert loglines.rendered(text, terminal=True, color=True) == [shown]
    (plain,) = loglines.rendered(text, terminal=True, color=False)
    assert plain.replace("\t", "").isprintable()


@pytest.mark.parametrize("text", ['{"a":' + "[" * 200_000, '{"a":' + "[" * 300 + "]" * 300 + "}"])
def test_json_that_is_too_deep_is_shown_as_it_is(text: str) -> None:
    assert loglines.fields(text) is None
    assert loglines.rendered(text, terminal=False, color=False) == [text]


def test_long_json_that_is_not_deep_has_fields() -> None:
    assert loglines.fields('{"a":[' + ",".join(["[1]"] * 300) + "]}") == {"a": [[1]] * 300}


def test_a_time_that_is_none_stays() -> None:
    assert loglines.clock("yesterday", datetime.now(UTC)) == "yesterday"
