"""Writes docs/mistakes.md: what people do wrong and what they see, from runs of every case in tests/mistakes."""  # noqa: INP001 - a script among documents

import tempfile
from functools import cache
from pathlib import Path

from tests.mistakes.cases import ORDER, Case, themes
from tests.mistakes.world import world

PAGE = Path(__file__).with_name("mistakes.md")
HEAD = "| you did | you see | exit code |\n| --- | --- | --- |\n"
INTRODUCTION = """\
# When something is wrong

What you did, and what Tagship says then: {count} mistakes, each run by a test, with the text as it is printed. Each
ends with the exit code on the right, and changes nothing. The [reference](reference.md#exit-codes) explains the codes.

`nox -s docs` writes this page from `tests/mistakes`; a test fails if it is out of date. The project in it is an app
`shop` with a service `web`; `c0ffee12` is its commit.
"""


def page() -> str:
    """The text of docs/mistakes.md."""
    found = themes()
    assert [theme.name for theme in found] == list(ORDER)  # noqa: S101 - a file without a place
    parts = [INTRODUCTION.format(count=sum(len(theme.cases) for theme in found))]
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as place:
        for theme in found:
            rows = (row(case, place.ran(case).said) for case in theme.cases)
            parts.append(f"## {theme.title}\n\n{theme.says}\n\n{HEAD}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


@cache
def shown() -> frozenset[str]:
    """The page's lines, as they are now."""
    return frozenset(PAGE.read_text().splitlines() if PAGE.exists() else ())


def row(case: Case, said: str) -> str:
    """A line of its table."""
    lines = "<br>".join(_code(line.strip()) for line in said.splitlines())
    return f"| {_plain(case.did)}: {_code(f'tagship {case.run}')} | {lines} | {case.code} |"


def _code(text: str) -> str:
    """Code within a cell, which may have a backtick of its own."""
    return f"`` {_plain(text)} ``" if "`" in text else f"`{_plain(text)}`"


def _plain(text: str) -> str:
    """Text within a cell."""
    return text.replace("|", r"\|")
