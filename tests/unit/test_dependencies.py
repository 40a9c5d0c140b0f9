"""pyproject names the packages that Tagship imports or runs, and nothing else; docs/dependencies.md explains each."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ELSEWHERE = {"ask_django.py"}
"""Modules that run in an app's image, with the app's own libraries."""
PROGRAMS = {"kingfisher-bin", "sentry-cli"}
"""Packages that bring a program and no module."""


def names(requirements: Iterable[str]) -> set[str]:
    """The packages that requirements name."""
    return {re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0] for requirement in requirements}


DECLARED = names([*PROJECT["dependencies"], *chain.from_iterable(PROJECT["optional-dependencies"].values())])


def imported(file: Path) -> Iterator[str]:
    """The top-level modules that a file imports, at any time."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def used() -> set[str]:
    """The packages that Tagship's modules come from."""
    files = [file for file in (ROOT / "tasks").rglob("*.py") if file.name not in ELSEWHERE]
    modules = {module for file in files for module in imported(file)}
    packages = packages_distributions()  # `compression` is in the standard library from Python 3.14 on
    ours = modules - sys.stdlib_module_names - {"tagship", "compression"}
    return {name.lower() for module in ours for name in packages[module] if not re.search("^types-|-stubs$", name)}


def test_every_library_that_is_imported_is_declared_and_every_declared_one_is_imported() -> None:
    assert used() == DECLARED - PROGRAMS


def test_every_dependency_is_explained() -> None:
    explained = set(
        re.findall(r"^\| `([a-z0-9.-]+)` \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE)
    )

    assert explained == DECLARED
