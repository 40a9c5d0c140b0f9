"""How `init` writes a value into .env.local."""

import pytest

from tagship.setup import variables_text


@pytest.mark.parametrize(
    ("value", "written"),
    [("a.b", "a.b"), ("a b", "'a b'"), ("it's", '"it\'s"'), ("x\\", '"x\\\\"'), ("a'$\"", '"a\'\\$\\""')],
)
def test_a_value_is_quoted_as_compose_reads_it(value: str, written: str) -> None:
    assert variables_text._quoted(value) == written  # noqa: SLF001 - the one rule of that file
