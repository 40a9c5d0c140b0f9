"""Writes a first tagship.yml. Pure."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from tagship.setup.draft import flow, word
from tagship.setup.places import Places
from tagship.setup.toolchains import Migrations, Suite

_HEAD = """\
# How to ship {title}. The Compose file describes the application; this file says where it runs.
# Every key: Tagship's docs/reference.md.
app: {app}
registry: embedded # needs no account; or REGISTRY/NAME
compose: {compose}
"""


@dataclass(frozen=True)
class Remote:
    """One server: its branch, its URL, and the SSH address of its engine."""

    name: str
    branch: str
    url: str
    engine: str


@dataclass(frozen=True)
class Local:
    """The environment on this machine: host and port, files of variables, and stores of secrets."""

    at: str
    variables: Sequence[str]
    secrets: Sequence[str]


@dataclass(frozen=True)
class Contents:
    """What a first tagship.yml says."""

    app: str
    compose: Sequence[str]
    places: Places
    suites: Sequence[Suite]
    migrations: tuple[str, Migrations] | None
    """Service, and how its migrations are run."""
    health: str
    """The path of a health check; empty if none is known."""
    environments: str
    root: bool = False
    """Whether the application answers at `/`, too."""


def text(contents: Contents) -> str:
    """The whole file."""
    placed = contents.places
    parts = [
        _HEAD.format(title=contents.app, app=word(contents.app), compose=_list(contents.compose)),
        *_suites(contents.suites),
    ]
    parts.append(_release(placed, contents.migrations))
    if placed.routes:
        lines = [f"  {path}: {service}:{port}" for path, (service, port) in _longest_first(placed)]
        parts.append("\n".join(["routes:", *lines, ""]))
    if placed.unplaced:
        allowed = ", ".join(flow(f"{name}:unplaced") for name in placed.unplaced)
        parts.append(f"allow: [{allowed}] # go to no server\n")
    if placed.routes:
        note = "" if contents.health else " # a guess; add what proves that a release works"
        also = "  - {path: /}\n" if contents.health and contents.root else ""
        parts.append(f"smoke:\n  - {{path: {contents.health or '/'}}}{note}\n{also}")
    return "\n".join([*parts, contents.environments])


def environments(remotes: Iterable[Remote], local: Local, written: Container[str]) -> str:
    """The environments: this machine's engine, and servers. `written`: the files of variables that there will be."""
    lines = [
        "environments:",
        "  local: # this machine's engine: to try a deploy",
        "    engine: local",
        f"    url: http://{local.at}",
        *([f"    variables: {_list(local.variables)}"] if local.variables else []),
        *([f"    secrets: {_list(('env://', *local.secrets), quoted=True)}"] if local.secrets else []),
        f"    edge: {{http: {local.at.rpartition(':')[2]}, https: 0}}",
    ]
    for remote in remotes:
        lines += [
            f"  {remote.name}:",
            f"    branch: {remote.branch}",
            f"    engine: {remote.engine}",
            f"    url: {remote.url}",
            *([f"    variables: .env.{remote.name}"] if f".env.{remote.name}" in written else []),
            *(["    approval: required"] if remote.name == "production" else []),
        ]
    return "\n".join(lines) + "\n"


def _suites(suites: Sequence[Suite]) -> list[str]:
    parts = []
    for kind in ("test", "lint"):
        ours = [suite for suite in suites if suite.kind == kind]
        active = any(not suite.lacking for suite in ours)
        lines = [f"{'' if active else '# '}{kind}:"] if ours else []
        for suite in ours:
            off = "# " if suite.lacking else ""
            where = f", directory: {suite.directory}" if suite.directory != "." else ""
            run = flow(suite.run[0]) if len(suite.run) == 1 else _list(suite.run, quoted=True)
            lines.append(f"{off}  {word(suite.component)}: {{run: {run}{where}}} # {suite.why}")
        parts += ["\n".join([*lines, ""])] if lines else []
    return parts


def _release(places: Places, migrations: tuple[str, Migrations] | None) -> str:
    lines = ["release:", f"  services: {_list(places.services)}"]
    for key, names in (("accessories", places.accessories), ("singletons", places.singletons)):
        if names:
            lines.append(f"  {key}: {_list(names)}")
    if migrations:
        service, how = migrations
        lines += ["  migrations:", f"    service: {word(service)}"]
        lines += [f"    {key}: {value if value.isalnum() else flow(value)}" for key, value in how.keys]
    return "\n".join([*lines, ""])


def _longest_first(places: Places) -> list[tuple[str, tuple[str, int]]]:
    return sorted(places.routes.items(), key=lambda route: -len(route[0]))


def _list(names: Sequence[str], *, quoted: bool = False) -> str:
    return f"[{', '.join(flow(name) if quoted else word(name) for name in names)}]"
