"""Finds file and line in the output of tools: pytest, ruff, eslint, mypy, and errors in tagship.yml."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from action.console import Annotation

MOST = 10
"""GitHub shows ten errors per step; the log has the rest."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LINE = re.compile(r"^(?P<file>[\w./@+-]+\.\w+):(?P<line>\d+)(?::(?P<column>\d+))?:? (?P<message>\S.*)$")
_PYTEST = re.compile(r"^(?P<file>[\w./@+-]+\.py):(?P<line>\d+): (?P<message>[\w.]+(?:Error|Exception|Failed|Exit)?)$")
_ARROW = re.compile(r"^\s+--> (?P<file>[\w./@+-]+\.\w+):(?P<line>\d+):(?P<column>\d+)$")
_ESLINT_FILE = re.compile(r"^(?P<file>/?[\w./@+-]+\.[cm]?[jt]sx?|/?[\w./@+-]+\.vue)$")
_ESLINT = re.compile(
    r"^\s+(?P<line>\d+):(?P<column>\d+)\s+(?P<level>error|warning)\s+(?P<message>.+?)(?:\s{2,}(?P<rule>\S+))?$"
)
_ASSERTION = re.compile(r"^E\s{3,}(?P<message>\S.*)$")


def find(output: str, directory: str, root: str, title: str) -> list[Annotation]:
    """Annotations for a component's output, with paths relative to the repository; at most MOST, errors first.

    `directory` is where the component ran, relative to the repository; `root` is the repository's absolute path.
    """
    unique = dict.fromkeys(_found(_ESCAPES.sub("", output).splitlines(), title))
    placed = [placed for remark in unique if (placed := _placed(remark, directory, root))]
    return sorted(placed, key=lambda remark: remark.level != "error")[:MOST]


def in_problem(problem: str, directory: str, title: str) -> list[Annotation]:
    """Annotations for an error of ours with `tagship.yml:12: …`, one per line."""
    return find(problem, directory, "", title)


def _found(lines: list[str], title: str) -> Iterator[Annotation]:
    file = said = before = ""
    for line in lines:
        if match := _ASSERTION.match(line):
            said = said or match["message"]
        elif match := _PYTEST.match(line):
            yield _remark(match, said or match["message"], title)
            said = ""
        elif match := _ARROW.match(line):
            yield _remark(match, before, title)
        elif match := _LINE.match(line):
            yield _remark(match, match["message"], title)
        elif match := _ESLINT_FILE.match(line):
            file = match["file"]
        elif file and (match := _ESLINT.match(line)):
            message = f"{match['message']} ({match['rule']})" if match["rule"] else match["message"]
            yield Annotation(message, title, file, int(match["line"]), int(match["column"]), match["level"])
        elif line.startswith(("___", "===")):  # pytest's next test
            said = ""
        before = line.strip() or before


def _remark(match: re.Match[str], message: str, title: str) -> Annotation:
    column = match.groupdict().get("column")
    return Annotation(message, title, match["file"], int(match["line"]), int(column or 0))


def _placed(remark: Annotation, directory: str, root: str) -> Annotation | None:
    """The annotation with its path relative to the repository; None for a file outside of it."""
    path = remark.file
    if posixpath.isabs(path):
        if not root or not PurePosixPath(path).is_relative_to(root):
            return None
        path = str(PurePosixPath(path).relative_to(root))
    else:
        path = posixpath.normpath(posixpath.join(directory, path))
    if path.startswith(".."):
        return None
    return Annotation(remark.message, remark.title, path, remark.line, remark.column, remark.level)
