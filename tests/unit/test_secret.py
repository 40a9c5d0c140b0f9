"""A secret's value is in no text that Python makes of it."""

import copy
import pickle
import traceback
from dataclasses import dataclass

import pytest

from tagship.reporting import redaction
from tagship.secret import Secret

VALUE = "s3cr3t-of-this-test"


@dataclass(frozen=True)
class Holder:
    """Something that has one."""

    secret: Secret


@pytest.mark.parametrize(
    "text",
    [
        str(Secret(VALUE)),
        repr(Secret(VALUE)),
        f"{Secret(VALUE)} {Secret(VALUE)!r} {Secret(VALUE):>40}",
        "%s" % Secret(VALUE),  # noqa: UP031 - what is tried
        repr({"DB": [Secret(VALUE)]}),
        repr(Holder(Secret(VALUE))),
    ],
)
def test_no_text_made_of_it_has_the_value(text: str) -> None:
    assert VALUE not in text
    assert "hidden" in text


def test_neither_has_an_exceptions_traceback() -> None:
    shown = "".join(traceback.format_exception(ValueError("wrong", Secret(VALUE))))

    assert "hidden" in shown
    assert VALUE not in shown


@pytest.mark.parametrize("copied", [pickle.dumps, copy.deepcopy])
def test_it_cant_be_pickled_or_copied(copied: object) -> None:
    with pytest.raises(TypeError, match="can't be pickled"):
        copied(Secret(VALUE))  # type: ignore[operator] # both are functions


def test_who_uses_it_gets_the_value_and_equal_ones_are_equal() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("another")
    assert Secret(VALUE) != VALUE
    assert len({Secret(VALUE), Secret(VALUE)}) == 1
    assert not Secret("")


def test_what_is_sent_to_sentry_has_none_of_the_secrets_that_were_ever_made() -> None:
    Secret("never-to-be-seen")

    assert redaction.hide_all({"a": ["it is never-to-be-seen"]}) == {"a": ["it is ⟦hidden⟧"]}
