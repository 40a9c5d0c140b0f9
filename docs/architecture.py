"""Draws which folders of the package import which, from the import statements."""  # noqa: INP001 - a script among documents

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "tasks" / "tagship"
ORDER = (
    "commands", "setup", "testing", "explain", "server", "companions", "sentry", "deploy", "backups", "images",
    "github", "variables", "checks", "migrations", "edge", "engine", "source", "proof", "release", "project",
    "reporting", "system",
)  # fmt: skip
"""Highest first: a folder imports only those below it. The package's own modules stand below them all."""
SHARED = ("names", "errors", "secret", "version")
"""The package's own modules that every folder may import."""
PURE = {
    "deploy": ("migrations", "proof", "release", "reporting.progress"),
    "migrations": ("release",),
    "proof": ("release",),
    "release": ("project",),
}
"""Folders that touch nothing of the world, and what else of the package than themselves and SHARED they may import."""
HARMLESS = (
    "collections", "collections.abc", "contextlib", "dataclasses", "datetime", "enum", "functools", "hashlib", "hmac",
    "itertools", "json", "math", "re", "shlex", "typing", "yaml",
)  # fmt: skip
"""What else they may import: modules that compute, and reach no file, network, process or variable."""
REASONS = {
    (
        "deploy",
        "tagship.reporting.events",
    ): "tells listeners, such as the GitHub Action, which release serves after a failure",
    ("deploy", "tagship.system.signals"): "ignores signals, such as Ctrl-C, while a deploy is recorded or undone",
    ("deploy", "time"): "the monotonic clock, for how long something took",
    ("migrations.ask_django", "django"): "the file runs in the application's container",
    ("migrations.inspection", "importlib.resources"): "reads that file",
}
"""A folder or file of them, another module that it may import, and why."""

_TEXT = """\
# Architecture

`nox -s docs` writes this page from the docstrings of the folders and from the imports. tests/unit/test_architecture.py
checks the order: imports go only downward, between folders and between files, without circles. `deploy/`,
`migrations/`, `proof/` and `release/` have no access to the outside world: their callers pass in everything that acts
on it, except for [what the last table lists](#what-the-pure-folders-may-import). The same test checks what they import.

`deploy/story.py` runs a deploy: with the environment's lock held, it observes the server, chooses a candidate, makes a
plan, and applies the plan to a target. `commands/orders.py` puts the parts together, for `ship` and previews with
`commands/shipping.py`: the connection and the target come from `server/`, the release from `images/`, its variables
from `variables/`. Work that runs in parallel with a rollout is a companion; `sentry/` has one, and `companions/` has
the others.

| folder | what it holds | modules |
| --- | --- | --- |
{rows}
Every folder may import `names.py` (how containers, networks and volumes are named), `errors.py` (one class for each
exit code), `secret.py` (a secret's value, which nothing prints) and `version.py`. `cli.py` (the program `tagship`) and
`__init__.py` (the tasks, as Invoke lists them) may import every folder.

```mermaid
graph TD
{graph}```

## What the pure folders may import

| folder | of the package, beside itself, {shared} |
| --- | --- |
{pure}
Of other packages, they may import {harmless}.
They may import these, too, each for a reason:

| file or folder | module | why |
| --- | --- | --- |
{reasons}"""


def imports() -> Iterator[tuple[str, str]]:
    """`(importer, imported)`, both as modules below the package: `deploy.story`, `errors`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tagship":
                for alias in node.names:
                    dotted = f"{node.module}.{alias.name}".partition(".")[2]
                    yield name, dotted if _file(dotted) else dotted.rpartition(".")[0]


def others() -> Iterator[tuple[str, str]]:
    """`(importer, imported)` for what is not imported from the package: the standard library, other packages."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] != "tagship":
                yield name, "." * node.level + (node.module or "")


def folder(module: str) -> str:
    """A module's folder; empty for the package's own modules."""
    return module.partition(".")[0] if "." in module else ""


def page() -> str:
    """docs/architecture.md."""
    rows = "".join(_row(name) for name in ORDER)
    pure = "".join(f"| `{name}/` | {_code(may)} |\n" for name, may in PURE.items())
    reasons = "".join(f"| `{who.replace('.', '/')}` | `{what}` | {why} |\n" for (who, what), why in REASONS.items())
    *most, last = (f"`{name}.py`" for name in SHARED)
    shared = f"{', '.join(most)} and {last}"
    graph = "".join(f"  {a} --> {b}\n" for a, b in _direct())
    return _TEXT.format(rows=rows, graph=graph, pure=pure, harmless=_code(HARMLESS), reasons=reasons, shared=shared)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _direct() -> list[tuple[str, str]]:
    """Which folder imports which, without imports that lead through a third folder, so that it stays readable."""
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
