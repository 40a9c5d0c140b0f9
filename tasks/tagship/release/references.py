"""The variables that an app's Compose files refer to, and what each needs: read in this one place, for everybody.

`of` reads what Compose merged; `in_files` the files themselves, where Compose may not be at hand. Both count `${NAME}`
wherever Compose interpolates it, bare names of `environment` and `args`, and secrets and configs by `environment:`.
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
"""Files that one may lead to, so that two that include each other come to an end."""


class Need(enum.IntEnum):
    """What a variable needs so that the app gets what its file means; the strictest of its mentions counts."""

    DEFAULTED = 0
    """Nothing: where it isn't given, the file says what to take."""
    OPTIONAL = 1
    """Nothing: it is empty, or not passed on, where it isn't given."""
    SET = 2
    """To be given; it may be empty."""
    FILLED = 3
    """To be given, and not empty: `${NAME:?}`."""


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
    """Those of a Compose model that isn't interpolated. `files`: path → content of the files it names.

    Compose interpolates the content of env_files, that of configs it doesn't.
    """
    found: Needs = {}
    for path in _env_files(model):
        _add(found, _in_text(files.get(path, "")))
    for name, need in (*_mentioned(model), *_passed_on(model), *_sources(model)):
        _add(found, {name: need})
    return found


def in_files(compose: Iterable[str], folder: Path) -> Needs:
    """Those of Compose files as they stand, and of every file they lead to by `include`, `extends` and `env_file`.

    More than `of` at most: nothing is merged. A file that isn't there refers to nothing; of one that isn't YAML every
    `${NAME}` counts.
    """
    found: Needs = {}
    waiting, seen = [folder / name for name in compose], set[Path]()
    while waiting and len(seen) < _LINKS:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for model in _documents(path):
            files = {name: _text(path.parent / name) for name in _env_files(model)}
            _add(found, of(model, files))
            waiting += [path.parent / name for name in _linked(model)]
    return found


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
    """`environment: [NAME]` and `args: {NAME: }`: passed on where there is one."""
    for service in _services(model):
        build = service.get("build")
        for given in (service.get("environment"), build.get("args") if isinstance(build, Mapping) else None):
            if isinstance(given, Mapping):
                yield from ((name, Need.OPTIONAL) for name, value in given.items() if value is None)
            elif isinstance(given, list):
                # not merged yet, Compose leaves a list a list: NAME=value, or NAME alone
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
    """Of one path, a list of them, or tables with a `path`."""
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
    """Reads Compose files as they stand, `!reset` and `!override` included; dates and the like stay text."""


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
