"""File and line are found in what tools print."""

import pytest

from action import annotations
from action.console import Annotation

PYTEST = """
    def test_price():
>       assert price() == 2
E       assert 1 == 2
E        +  where 1 = price()

tests/test_price.py:12: AssertionError
=========== short test summary info ===========
"""
RUFF = """app/views.py:3:8: F401 [*] `os` imported but unused
Found 1 error.
"""
RUFF_FULL = """F401 [*] `os` imported but unused
 --> app/views.py:3:8
  |
"""
ESLINT = """
/repo/frontend/src/App.tsx
  12:3   error    'x' is assigned a value but never used  no-unused-vars
  14:10  warning  Missing return type                     ts/return

✖ 2 problems
"""


@pytest.mark.parametrize(
    ("output", "remark"),
    [
        (PYTEST, Annotation("assert 1 == 2", "t", "backend/tests/test_price.py", 12)),
        (RUFF, Annotation("F401 [*] `os` imported but unused", "t", "backend/app/views.py", 3, 8)),
        (RUFF_FULL, Annotation("F401 [*] `os` imported but unused", "t", "backend/app/views.py", 3, 8)),
        (
            ESLINT,
            Annotation(
                "'x' is assigned a value but never used (no-unused-vars)", "t", "frontend/src/App.tsx", 12, 3, "error"
            ),
        ),
        ("\x1b[31mapp/a.py:1: boom\x1b[0m", Annotation("boom", "t", "backend/app/a.py", 1)),
    ],
    ids=["pytest", "ruff", "ruff-full", "eslint", "coloured"],
)
def test_a_failure_is_put_on_its_line(output: str, remark: Annotation) -> None:
    assert annotations.find(output, "backend", "/repo", "t")[0] == remark


def test_a_warning_comes_after_the_errors() -> None:
    assert [found.level for found in annotations.find(ESLINT, ".", "/repo", "t")] == ["error", "warning"]


def test_an_error_in_tagship_yml_is_put_on_its_line() -> None:
    problem = "tagship.yml:7: environments.production: unknown key; did you mean engine?"

    assert annotations.in_problem(problem, ".", "Tagship") == [
        Annotation("environments.production: unknown key; did you mean engine?", "Tagship", "tagship.yml", 7)
    ]


def test_a_file_outside_the_repository_is_left_out() -> None:
    assert annotations.find("/usr/lib/python3/a.py:1: boom\n../../b.py:2: boom", ".", "/repo", "t") == []


def test_at_most_ten_are_shown() -> None:
    many = "\n".join(f"a.py:{number}: boom" for number in range(1, 30))

    assert len(annotations.find(many, ".", "/repo", "t")) == annotations.MOST
