"""Reads a project's own Compose files: which there are, what they say, and at which line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tagship.source import compose_file

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In Compose's order; it takes the first."""
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Compose:
    """A project's Compose files, merged by Compose but not interpolated."""

    files: tuple[str, ...]
    model: Mapping[str, Any]
    nodes: tuple[tuple[yaml.Node, ...], ...] = ()
    """The YAML documents of each file, in the same order."""

    @property
    def services(self) -> dict[str, Settings]:
        """Name → settings."""
        return dict(self.model["services"])

    def at(self, service: str, key: str, item: str = "") -> str:
        """`FILE:LINE` of a service's key, or of the item of its list that begins with a text."""
        documents = [(f, node) for f, nodes in zip(self.files, self.nodes, strict=False) for node in nodes]
        for file, node in reversed(documents):
            for of_service in _values(node, "services", service):
                for name, value in _pairs(of_service, key):
                    inner = value.value if isinstance(value, yaml.SequenceNode) and item else ()
                    marks = [part.start_mark for part in inner if str(_scalar(part)).startswith(item)]
                    return f"{file}:{(marks or [name.start_mark])[0].line + 1}"
        return ""


@dataclass(frozen=True)
class Choice:
    """Which of a folder's Compose files describe what a server runs, and which are left out."""

    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def find(folder: Path) -> Choice:
    """The file that `docker compose` itself would read, with one for production beside it; never its override."""
    own = next((name for name in NAMES if (folder / name).is_file()), "")
    stem = own.rpartition(".")[0]

    def variants(*kinds: str) -> list[str]:
        names = (f"{stem}.{kind}.{suffix}" for kind in kinds for suffix in ("yml", "yaml"))
        return [name for name in names if own and (folder / name).is_file()]

    production = variants("production", "prod")[:1]
    return Choice((own, *production) if own else (), tuple(variants("override", "dev", "development", "local")))


def read(folder: Path, files: tuple[str, ...], app: str) -> Compose:
    """Read and merge them. Raises ConfigError with Compose's message."""
    model = compose_file.sources(files, folder, frozenset, app).model
    nodes = (tuple(yaml.compose_all((folder / name).read_text(), Loader=yaml.CSafeLoader)) for name in files)
    return Compose(files, model, tuple(nodes))


def environment(settings: Settings) -> dict[str, str | None]:
    """A service's variables, whichever of Compose's two forms they have; None for one that is only passed on."""
    given = settings.get("environment") or {}
    if isinstance(given, Mapping):
        return {str(name): None if value is None else str(value) for name, value in given.items()}
    pairs = (str(item).partition("=") for item in given)
    return {name: value if equals else None for name, equals, value in pairs}


def ports(settings: Settings) -> tuple[int, ...]:
    """The ports of the container that are published, TCP only, without duplicates."""
    found = [_target(item) for item in settings.get("ports") or ()]
    return tuple(dict.fromkeys(port for port in found if port))


def published(settings: Settings) -> Iterator[int]:
    """The ports of the host that a service takes, where the file says which."""
    for item in settings.get("ports") or ():
        text = str(item.get("published", "")) if isinstance(item, Mapping) else str(item).rpartition(":")[0]
        if (port := text.rpartition(":")[2]).isdecimal():
            yield int(port)


def _target(item: object) -> int:
    if isinstance(item, Mapping):
        text, protocol = str(item.get("target", "")), item.get("protocol") or "tcp"
    else:
        text, _, protocol = str(item).rpartition(":")[2].partition("/")
    return int(text) if text.isdecimal() and protocol in {"", "tcp"} else 0


def words(value: object) -> str:
    """A command as one text, whichever of Compose's two forms it has."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")


def _values(node: yaml.Node, *path: str) -> Iterator[yaml.Node]:
    if not path:
        yield node
        return
    for _, value in _pairs(node, path[0]):
        yield from _values(value, *path[1:])


def _pairs(node: yaml.Node, key: str) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((name, value) for name, value in node.value if name.value == key)


def _scalar(node: yaml.Node) -> str:
    """A list's item; of a mount in the long form, its source."""
    if isinstance(node, yaml.MappingNode):
        return next((str(value.value) for name, value in node.value if name.value == "source"), "")
    return str(node.value)
