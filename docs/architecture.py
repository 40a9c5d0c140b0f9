"""Draws how the package's folders lean on each other, from the imports themselves."""  # noqa: INP001 - a script among documents

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "tasks" / "tagship"
ORDER = (
    "commands", "testing", "server", "sentry", "deploy", "images", "github", "migrations", "variables", "checks",
    "engine", "source", "proof", "release", "project", "reporting", "system",
)  # fmt: skip
"""Highest first: a folder imports only those below it. The package's own modules stand below them all."""

_TEXT = """\
# Architecture

`nox -s docs` writes this page, from the folders' own sentences and from the imports. tests/unit/test_architecture.py
holds the order: imports run downward only, between folders and between files, and in no circle. `deploy/`, `proof/` and
`release/` touch nothing of the world: they get what they touch handed in.

A deploy reads as a story in `deploy/story.py`: under the environment's lock it observes, chooses a candidate, plans,
and carries the plan out on a target. `commands/deploy.py` wires it: the connection and the target come from `server/`,
the release from `images/`, its variables from `variables/`, and what goes beside a rollout is a companion, as `sentry/`
has one.

| folder | what it holds | modules |
| --- | --- | --- |
{rows}
Below them all: `names.py`, what everything is named after; `errors.py`, one class for each exit code; `version.py`.
Above them all: `cli.py`, the program `tagship`, and `__init__.py`, the tasks as Invoke lists them.

```mermaid
graph TD
{graph}```
"""


def imports() -> Iterator[tuple[str, str]]:
    """`(importer, imported)`, both as modules below the package: `deploy.story`, `errors`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tagship":
                for alias in node.names:
                    dotted = f"{node.module}.{alias.name}".partition(".")[2]
                    yield name, dotted if _file(dotted) else dotted.rpartition(".")[0]


def folder(module: str) -> str:
    """A module's folder; empty for the package's own modules."""
    return module.partition(".")[0] if "." in module else ""


def page() -> str:
    """docs/architecture.md."""
    rows = "".join(_row(name) for name in ORDER)
    return _TEXT.format(rows=rows, graph="".join(f"  {a} --> {b}\n" for a, b in _direct()))


def _direct() -> list[tuple[str, str]]:
    """Which folder imports which, without those that it reaches through another: the picture stays readable."""
    edges = {(folder(a), folder(b)) for a, b in set(imports())}
    below = {name: {b for a, b in edges if a == name and b not in {"", name}} for name in ORDER}
    reached: dict[str, set[str]] = {}
    for name in reversed(ORDER):
        reached[name] = set().union(*({other, *reached.get(other, set())} for other in below[name]))
    return [
        (name, other)
        for name in ORDER
        for other in ORDER
        if other in below[name] and not any(other in reached[between] for between in below[name] - {other})
    ]


def _row(name: str) -> str:
    files = [path for path in sorted((PACKAGE / name).rglob("*.py")) if path.name != "__init__.py"]
    said = ast.get_docstring(ast.parse((PACKAGE / name / "__init__.py").read_text())) or ""
    return f"| `{name}/` | {' '.join(said.split())} | {len(files)} |\n"


def _file(dotted: str) -> bool:
    return (PACKAGE / (dotted.replace(".", "/") + ".py")).is_file()
