"""Reads and validates tagship.yml; reports every problem with file, line and the nearest known key."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tagship.errors import ConfigError
from tagship.project.schema import Config, Settings
from tagship.project.values import Table

FILE = "tagship.yml"


def load(path: Path = Path(FILE)) -> Config:
    """Read tagship.yml. Raises ConfigError with file, line and what to write instead."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise ConfigError(
            f"There is no {path} here{' or in a folder above' if path == Path(FILE) else ''}.",
            hint="run this in your project, or set TAGSHIP_CONFIG",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}.") from None
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        raw = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}:1: not YAML: {' '.join(str(error).split())}.") from None
    if doubled := list(_doubled(node)):
        lines = (f"{path}:{line}: {key} already appears at line {first}." for line, key, first in doubled)
        raise ConfigError("\n".join(lines), hint="keep one of them")
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}:1: expected a mapping.", hint="start with `app: NAME`")
    try:
        return Config.model_validate(_merged(raw))
    except ValidationError as error:
        raise _explained(path, node, error) from None


def _doubled(node: yaml.Node | None) -> Iterator[tuple[int, str, int]]:
    """Keys that appear twice in a mapping, where YAML would silently use the last: line, key, line of the first."""
    left, met = [node], set[int]()
    while left:
        node = left.pop(0)
        if id(node) in met:  # an alias, maybe of itself
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if str(key.value) in seen:
                    yield line, str(key.value), seen[str(key.value)]
                seen.setdefault(str(key.value), line)
                left.append(value)


def _merged(raw: dict[str, Any]) -> dict[str, Any]:
    """The same document, with the top level's settings merged into each environment."""
    ours = {field.alias for field in Settings.model_fields.values()}
    shared = {key: value for key, value in raw.items() if key in ours}
    environments = raw.get("environments")
    if not isinstance(environments, dict):
        return raw
    named = {"app": raw["app"]} if "app" in raw else {}
    merged = {
        name: {**_over(shared, own), **named, "name": str(name)} if isinstance(own, dict) else own
        for name, own in environments.items()
    }
    return {**raw, "environments": merged}


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    nested = {k: _over(base[k], v) for k, v in own.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return {**base, **own, **nested}


def _explained(path: Path, node: yaml.Node | None, error: ValidationError) -> ConfigError:
    """Every problem of a file on a line of its own, in the file's order."""
    problems: dict[tuple[int, str], None] = {}
    for problem in error.errors(include_url=False):
        location = [part for part in problem["loc"] if part != "[key]"]
        if not _inherited(node, location):
            text = f"{'.'.join(map(str, location))}: {_said(problem, location)}"
            problems[_line(node, location), text] = None
    lines = [f"{path}:{line}: {text}" for line, text in sorted(problems)]
    return ConfigError("\n".join(lines), hint="see docs/reference.md for every key")


_SHAPES = {
    "tuple_type": "one text, or a list of texts",
    "list_type": "a list",
    "dict_type": "a table of NAME: value lines",
    "mapping_type": "a table of NAME: value lines",
    "model_type": "a table of NAME: value lines",
    "model_attributes_type": "a table of NAME: value lines",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number, or a duration such as 2s",
    "float_parsing": "a number, or a duration such as 2s",
}
"""pydantic's kinds of errors → what the key takes."""


def _said(problem: Mapping[str, Any], location: list[Any]) -> str:
    table, key = _table(location[:-1]), str(location[-1]) if location else ""
    known = {field.alias or name: field for name, field in table.model_fields.items() if not field.exclude}
    match problem["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(key, known, 1)
            return (
                f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known: {', '.join(sorted(known))}"
            )
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            wanted = known[key].description if key in known else "use a-z, 0-9 and -"
            return f"{problem['input']!r} isn't valid: {wanted}"
        case kind if kind in _SHAPES:
            return f"{problem['input']!r} isn't valid: write {_SHAPES[kind]}"
        case _:
            return str(problem["msg"]).removeprefix("Value error, ")


def _inherited(node: yaml.Node | None, location: list[Any]) -> bool:
    """Whether a problem of an environment comes from the top level, where it is reported already."""
    if len(location) < 3 or location[0] != "environments":  # noqa: PLR2004 - environments, NAME, key
        return False
    if location[2] == "app":  # copied from the top level
        return True
    if location[2] not in {field.alias for field in Settings.model_fields.values()}:
        return False
    own = next((value for _, top in _pairs(node, "environments") for _, value in _pairs(top, location[1])), None)
    return not any(_pairs(own, location[2])) and any(_pairs(node, location[2]))


def _line(node: yaml.Node | None, location: list[Any]) -> int:
    """The line, from 1, of a path in the file, or of its nearest parent if the path isn't there."""
    line = node.start_mark.line + 1 if node else 1
    for part in location:
        found = next((pair for pair in _pairs(node, part)), None)
        if found is None:
            break
        key, node = found
        line = key.start_mark.line + 1
    return line


def _pairs(node: yaml.Node | None, part: object) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key, value) for key, value in node.value if key.value == str(part))
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        yield node.value[part], node.value[part]


def _table(location: list[Any]) -> type[BaseModel]:
    """The table at a path of the file."""
    table: type[BaseModel] = Config
    for part in location:
        field = next((f for name, f in table.model_fields.items() if (f.alias or name) == part), None)
        table = _inner(field.annotation) if field else table
    return table


def _inner(annotation: Any) -> type[BaseModel]:  # noqa: ANN401 - type annotations have no common type
    """The table inside `dict[str, Table]`, `tuple[Table, ...]` or `Table | None`; an empty table if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = [_inner(argument) for argument in getattr(annotation, "__args__", ())]
    return next((table for table in inner if table.model_fields), Table)
