"""A secret isn't printed, however it is written."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from action.masking import Masks

SECRET = "p@ss w/ord+&1?"  # noqa: S105 - a test's


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"{SECRET}\n".encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        quote(SECRET, safe=""),
        quote_plus(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        SECRET.encode().hex(),
    ],
)
def test_a_secret_is_hidden_however_it_is_written(written: str) -> None:
    masks = Masks()
    masks.add([SECRET])

    assert masks.redact(f"before {written} after") == "before *** after"


@pytest.mark.parametrize("user", ["a", "ab", "abc", "user:"])
def test_a_secret_inside_a_longer_base64_is_hidden(user: str) -> None:
    masks = Masks()
    masks.add([SECRET])
    header = base64.b64encode(f"{user}{SECRET}{user}".encode()).decode()

    assert "***" in masks.redact(header)
    assert len(masks.redact(header)) < len(header)


def test_each_line_of_a_key_is_hidden_and_its_fence_is_not() -> None:
    masks = Masks()
    masks.add(["-----BEGIN KEY-----\nfirstline\nsecondline\n-----END KEY-----\n"])

    assert masks.redact("firstline") == "***"
    assert masks.redact("secondline") == "***"
    assert masks.redact("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


def test_what_is_too_short_to_hide_is_left() -> None:
    masks = Masks()

    assert masks.add(["1", "", "no"]) == []


def test_a_form_is_told_once() -> None:
    masks = Masks()

    assert masks.add(["secret"])
    assert masks.add(["secret"]) == []
