"""Secrets are hidden, however a program prints them."""

import json

import pytest

from tagship.reporting import redaction
from tagship.secret import Secret

HOSTILE = ["$HOME", "a'b\"c", "two\nlines", "päss⟦wörd⟧", "⟦OTHER⟧", "${X:-y}"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_secret_is_hidden_however_a_program_prints_it(value: str) -> None:
    escaped = value.replace("$", "$$")
    for printed in (value, escaped, json.dumps(value), json.dumps(escaped)):
        hidden = redaction.hide(f"it said: {printed}!", {"S": Secret(value)})

        assert value not in hidden
        assert "⟦S⟧" in hidden


def test_each_line_of_a_secret_is_hidden_because_programs_indent_lines() -> None:
    key = "-----BEGIN KEY-----\nc2VjcmV0MQ==\nc2VjcmV0Mg==\n-----END KEY-----\n"

    hidden = redaction.hide("it said:\n  " + key.replace("\n", "\n  "), {"KEY": Secret(key)})

    assert "c2Vj" not in hidden


def test_a_longer_secret_is_hidden_before_one_that_is_part_of_it() -> None:
    assert redaction.hide("abcdefgh", {"PART": Secret("abcd"), "WHOLE": Secret("abcdefgh")}) == "⟦WHOLE⟧"


def test_a_value_too_short_to_be_a_secret_does_not_hide_half_of_a_text() -> None:
    assert redaction.hide("the theatre", {"S": Secret("the"), "EMPTY": Secret("")}) == "the theatre"
    assert redaction.hide("of them", {"S": Secret("them")}) == "of ⟦S⟧"


def test_a_line_too_short_to_be_a_secret_does_not_either() -> None:
    assert redaction.hide("shorter or long one", {"S": Secret("shorter\nlong one")}) == "shorter or ⟦S⟧"


def test_what_is_sent_holds_no_secret_at_any_depth_and_keeps_what_things_are_told_apart_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "canary-of-this-process")
    redaction.conceal(["canary-resolved"])
    event = {"id": "canary-resolved", "spans": [{"op": "x canary-of-this-process"}, ("https://me:pw@example.com",)]}

    hidden = redaction.hide_all(event, keep=frozenset({"id"}))

    assert hidden == {"id": "canary-resolved", "spans": [{"op": "x ⟦hidden⟧"}, ["https://⟦hidden⟧@example.com"]]}


def test_a_plain_word_or_a_short_number_stays_in_texts_for_people_and_is_hidden_in_what_is_sent() -> None:
    for value in ("atlas", "production", "5432", "p4ssw0rd"):
        Secret(value)
    text = "tagship deploy atlas to production, port 5432, with p4ssw0rd"

    assert redaction.hide_secrets(text) == "tagship deploy atlas to production, port 5432, with ⟦hidden⟧"
    assert "atlas" not in redaction.hide_all(text)
