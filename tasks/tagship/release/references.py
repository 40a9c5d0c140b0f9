"""Finds the variables that Compose files refer to, and whether each needs a value.

`of` reads the merged model; `in_files` reads the files themselves, where Compose may be missing. Both count `${NAME}`
wherever Compose interpolates it, bare names in `environment` and `args`, and `environment:` of secrets and configs.
"""

import enum
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"\$(?:\{{(?P<braced>{_NAME})(?P<operator>:?[-?+]\}}?)?|(?P<plain>{_NAME}))")
_LINKS = 100
"""The most files to follow, so that two files that include each other come to an end."""


class Need(enum.IntEnum):
    """Whether a variable needs a value; the strictest mention counts."""

    DEFAULTED = 0
    """No value: the file has a default."""
    OPTIONAL = 1
    """No value: it is then empty, or not passed on."""
    SET = 2
    """A value, which may be empty."""
    FILLED = 3
    """A value that isn't empty: `${NAME:?}`."""


_NEEDS = {
    "": Need.SET,
    "?": Need.SET,
    ":?": Need.FILLED,
    "-": Need.DEFAULTED,
    ":-": Need.DEFAULTED,
    "+": Need.OPTIONAL,
    ":+": Need.OPTIONAL,
}

Needs = dict[str, Need]


def of(model: Mapping[str, Any], files: Mapping[str, str]) -> Needs:
    """The variables of a Compose model that isn't interpolated. `files`: path → content of the files that it names.

    Compose interpolates the content of env_files, but not that of configs.
    """
    found: Needs = {}
    for path in _env_files(model):
        _add(found, _in_text(files.get(path, "")))
    for name, need in (*_mentioned(model), *_passed_on(model), *_sources(model)):
        _add(found, {name: need})
    return found


def in_files(compose: Iterable[str], folder: Path) -> Needs:
    """The variables of Compose files, and of every file that they name in `include`, `extends` and `env_file`.

    This may be more than `of` finds, because nothing is merged. A missing file counts as empty; in a file that isn't
    YAML, every `${NAME}` counts.
    """
    found: Needs = {}
    for path, model in _models(compose, folder):
        _add(found, of(model, {name: _text(path.parent / name) for name in _env_files(model)}))
    return found


def build_secrets(compose: Iterable[str], folder: Path) -> list[str]:
    """The variables of build secrets in the same files."""
    known, used = dict[str, str](), set[str]()
    for _, model in _models(compose, folder):
        items = (model.get("secrets") or {}).items()
        known |= {key: str(item["environment"]) for key, item in items if item and item.get("environment")}
        for service in _services(model):
            build = service.get("build")
            wanted = build.get("secrets") if isinstance(build, Mapping) else None
            used |= {str(item.get("source")) if isinstance(item, Mapping) else str(item) for item in wanted or ()}
    return sorted({variable for key, variable in known.items() if key in used})


def _models(compose: Iterable[str], folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Each document of Compose files and of those that they include or extend, with its file."""
    waiting, seen = [folder / name for name in compose], set[Path]()
    while waiting and len(seen) < _LINKS:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for model in _documents(path):
            yield path, model
            waiting += [path.parent / name for name in _linked(model)]


def _add(found: Needs, more: Mapping[str, Need]) -> None:
    for name, need in more.items():
        found[name] = max(need, found.get(name, need))


def _in_text(text: str) -> Needs:
    found: Needs = {}
    for match in _REFERENCE.finditer(text.replace("$$", "")):
        operator = match["operator"] or ""
        need = _NEEDS[operator.removesuffix("}")]
        if need is Need.DEFAULTED and operator.endswith("}"):
            need = Need.OPTIONAL  # `${NAME:-}`
        _add(found, {match["braced"] or match["plain"]: need})
    return found


def _mentioned(model: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    for text in _strings(model):
        yield from _in_text(text).items()


def _passed_on(model: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    """`environment: [NAME]` and `args: {NAME: }`: passed on if they have a value."""
    for service in _services(model):
        build = service.get("build")
        for given in (service.get("environment"), build.get("args") if isinstance(build, Mapping) else None):
            if isinstance(given, Mapping):
                yield from ((name, Need.OPTIONAL) for name, value in given.items() if value is None)
            elif isinstance(given, list):
                # before merging, Compose keeps lists: NAME=value, or only NAME
                yield from ((str(item), Need.OPTIONAL) for item in given if "=" not in str(item))


def _sources(model: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    for kind in ("configs", "secrets"):
        for item in (model.get(kind) or {}).values():
            if isinstance(item, Mapping) and item.get("environment"):
                yield str(item["environment"]), Need.SET


def _services(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (service for service in (model.get("services") or {}).values() if isinstance(service, Mapping))


def _env_files(model: Mapping[str, Any]) -> Iterator[str]:
    for service in _services(model):
        yield from _paths(service.get("env_file"))


def _linked(model: Mapping[str, Any]) -> Iterator[str]:
    yield from _paths(model.get("include"))
    for service in _services(model):
        if isinstance(extends := service.get("extends"), Mapping):
            yield from _paths(extends.get("file"))


def _paths(value: object) -> Iterator[str]:
    """The paths in a path, a list of paths, or tables with `path`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _paths(value.get("path"))
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


class _Loader(yaml.CSafeLoader):
    """Reads Compose files with their `!reset` and `!override`; dates and the like stay text."""


def _tagged(loader: _Loader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type] # nothing else is left


_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag not in _TEXT]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_multi_constructor("!", _tagged)


def _documents(path: Path) -> list[Mapping[str, Any]]:
    text = _text(path)
    try:
        found = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError:
        return [{"x-unreadable": text}]
    return [document for document in found if isinstance(document, Mapping)]


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""
