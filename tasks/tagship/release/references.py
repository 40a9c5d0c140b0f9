"""Finds the variables that Compose files refer to, and whether each needs a value.

It counts `${NAME}` wherever Compose interpolates it, bare names in `environment` and `args`, and `environment:` of
secrets and configs.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from typing import Any

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_REFERENCE = re.compile(rf"\$(?:\{{(?P<braced>{_NAME})(?P<operator>:?[-?+]\}}?)?|(?P<plain>{_NAME}))")


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
    for path in env_files(model):
        add(found, _in_text(files.get(path, "")))
    for name, need in (*_mentioned(model), *_passed_on(model), *_sources(model)):
        add(found, {name: need})
    return found


def add(found: Needs, more: Mapping[str, Need]) -> None:
    """Add variables to those found; the stricter need counts."""
    for name, need in more.items():
        found[name] = max(need, found.get(name, need))


def _in_text(text: str) -> Needs:
    found: Needs = {}
    for match in _REFERENCE.finditer(text.replace("$$", "")):
        operator = match["operator"] or ""
        need = _NEEDS[operator.removesuffix("}")]
        if need is Need.DEFAULTED and operator.endswith("}"):
            need = Need.OPTIONAL  # `${NAME:-}`
        add(found, {match["braced"] or match["plain"]: need})
    return found


def _mentioned(model: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    for text in _strings(model):
        yield from _in_text(text).items()


def _passed_on(model: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    """`environment: [NAME]` and `args: {NAME: }`: passed on if they have a value."""
    for service in services(model):
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


def services(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The services of a model that are tables."""
    return (service for service in (model.get("services") or {}).values() if isinstance(service, Mapping))


def env_files(model: Mapping[str, Any]) -> Iterator[str]:
    """The paths of `env_file`."""
    for service in services(model):
        yield from _paths(service.get("env_file"))


def linked(model: Mapping[str, Any]) -> Iterator[str]:
    """The paths of the Compose files that a model includes or extends."""
    yield from _paths(model.get("include"))
    for service in services(model):
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
