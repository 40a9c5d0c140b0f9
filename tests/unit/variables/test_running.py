"""Tests of what is shown of a release's variables."""

import pytest

from tagship.variables.running import without_passwords


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgres://u:p4ss@h/db", "postgres://u:⟦hidden⟧@h/db"),
        ("postgres://u:p4/ss@h", "postgres://u:⟦hidden⟧@h"),
        ("redis://:p4ss@h redis://:an0ther@h", "redis://:⟦hidden⟧@h redis://:⟦hidden⟧@h"),
        ("postgres://u:p4@ss@h", "postgres://u:⟦hidden⟧@h"),
        ("https://ghp_0123456789abcdef@h/x", "https://⟦hidden⟧@h/x"),
        ("Server=h;Password=p4ss;Encrypt=1", "Server=h;Password=⟦hidden⟧;Encrypt=1"),
        ("https://h/x?access_token=p4ss&a=1", "https://h/x?access_token=⟦hidden⟧&a=1"),
        ("postgres://u:⟦DB⟧@h", "postgres://u:⟦DB⟧@h"),
        ("https://admin@h:8000/x", "https://admin@h:8000/x"),
        ("http://h:8000/x", "http://h:8000/x"),
    ],
)
def test_passwords_in_urls_and_pairs_are_hidden_and_nothing_else(value: str, shown: str) -> None:
    assert without_passwords(value) == shown
