"""Secrets in JSON objects."""

from datetime import UTC, datetime

import pytest

from tagship.errors import SecretsError
from tagship.variables import parsing


def read(text: str, *wanted: str) -> dict[str, str]:
    """The wanted secrets, as text."""
    return {name: value.reveal() for name, value in parsing.secrets(text, frozenset(wanted), "sops://x").items()}


@pytest.mark.parametrize(
    "number", ["1.10", "1e3", "1E400", "-0", "12345678901234567890.0", "9" * 5000, "NaN", "true"], ids=lambda it: it[:9]
)
def test_a_number_is_the_text_that_json_has(number: str) -> None:
    assert read(f'{{"PIN": {number}}}', "PIN") == {"PIN": number}


def test_what_is_written_again_keeps_the_text_of_numbers() -> None:
    text = '{"PIN": 1.10, "BIG": 1e3, "IN": {"LIST": [-0, 1E400, "1.10", null]}, "ON": true, "TEXT": "ä\\""}'

    assert parsing.held(parsing.written(parsing.held(text, "x")), "x") == parsing.held(text, "x")
    assert parsing.written(parsing.held(text, "x")) == text.replace("ä", "\\u00e4")


def test_an_object_that_nests_too_deeply_is_refused() -> None:
    with pytest.raises(SecretsError, match="nests too deeply"):
        read('{"A": ' + "[" * 100_000 + "]" * 100_000 + "}", "A")


def test_what_can_be_read_but_not_written_again_is_refused() -> None:
    with pytest.raises(SecretsError, match="nests too deeply"):
        parsing.written(parsing.held('{"A": ' + "[" * 700 + "]" * 700 + "}", "x"))


def test_half_a_character_is_refused() -> None:
    with pytest.raises(SecretsError, match="A in sops://x has half a character") as caught:
        read('{"A": "sesame\\ud800"}', "A")

    assert "sesame" not in str(caught.value)


def test_a_time_without_a_zone_is_in_utc_and_what_is_no_time_is_none() -> None:
    assert parsing.time("2026-11-27T10:00:00.123456789Z") == datetime(2026, 11, 27, 10, 0, 0, 123456, UTC)
    assert parsing.time("2026-11-27T10:00:00") == datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert parsing.time("yesterday") is None
    assert parsing.time(None) is None
