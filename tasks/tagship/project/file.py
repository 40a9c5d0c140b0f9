"""Reads and validates tagship.yml; reports every problem with file, line and the nearest known key."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tagship.errors import ConfigError
from tagship.project import preview_rules
from tagship.project.schema import Config, Settings
from tagship.project.values import Table
from tagship.system import yaml_lines

FILE = "tagship.yml"
_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")
_YAML_HINTS = {
    "mapping values are not allowed": "put a text with a colon in quotes, or correct how that line is indented",
    "cannot start any token": "indent with spaces, and put a text that begins with @ or ` in quotes",
    "undefined alias": "put a text that begins with * in quotes",
    "another document": "remove the line ---, and what comes after it",
    "control characters": "remove that character",
}
"""What YAML's parser says → what to do about it."""


def load(path: Path = Path(FILE)) -> Config:
    """Read tagship.yml. Raises ConfigError with file, line and what to write instead."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise ConfigError(
            f"There is no {path} here{' or in a folder above' if path == Path(FILE) else ''}.",
            hint="run `tagship init` here, or change to the project's folder; TAGSHIP_CONFIG names another file",
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}.", hint="check what TAGSHIP_CONFIG names") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} can't be read: it isn't UTF-8.", hint="save it as UTF-8") from None
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        raw = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _no_yaml(path, text, error) from None
    if doubled := list(_doubled(node)):
        lines = (f"{path}:{line}: {key} already appears at line {first}." for line, key, first in doubled)
        raise ConfigError("\n".join(lines), hint="keep one of them")
    if other := list(_no_texts(node)):
        lines = (f"{path}:{line}: YAML doesn't read the key {key} as text." for line, key in other)
        raise ConfigError("\n".join(lines), hint="put it in quotes")
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}:1: expected a mapping.", hint="start with `app: NAME`")
    try:
        config = Config.model_validate(_merged(raw))
    except ValidationError as error:
        raise _explained(path, node, error) from None
    if wrong := list(preview_rules.findings(config)):
        lines = (f"{path}:{yaml_lines.line(node, keys)[0]}: {'.'.join(keys)}: {said}." for keys, said in wrong)
        raise ConfigError("\n".join(lines), hint="see Tagship's docs/previews.md")
    return config


def _no_yaml(path: Path, text: str, error: Exception) -> ConfigError:
    """What YAML trips over, and what is mostly the reason."""
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if isinstance(error, yaml.reader.ReaderError):
        line = text[: error.position].count("\n") + 1
    else:
        line = mark.line + 1 if mark else 1
    if isinstance(error, RecursionError):
        said = "it nests too deeply"
    hint = next(
        (hint for words, hint in _YAML_HINTS.items() if words in said), "correct that line or the one before it"
    )
    return ConfigError(f"{path}:{line}: not YAML: {' '.join(said.split())}.", hint=hint)


def _mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Every mapping of a document, from the top down."""
    left, met = [node], set[int]()
    while left:
        node = left.pop(0)
        if id(node) in met:  # an alias, maybe of itself
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        if isinstance(node, yaml.MappingNode):
            yield node
            left += [value for _, value in node.value]


def _doubled(node: yaml.Node | None) -> Iterator[tuple[int, str, int]]:
    """Keys that appear twice in a mapping, where YAML would silently use the last: line, key, line of the first."""
    for mapping in _mappings(node):
        seen: dict[str, int] = {}
        for key, _ in mapping.value:
            line = key.start_mark.line + 1
            if str(key.value) in seen:
                yield line, str(key.value), seen[str(key.value)]
            seen.setdefault(str(key.value), line)


def _no_texts(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Keys that YAML reads as a boolean, a number or a time, such as `on`: line and key."""
    for mapping in _mappings(node):
        for key, _ in mapping.value:
            if key.tag not in _TEXTS:
                yield key.start_mark.line + 1, str(key.value) if isinstance(key, yaml.ScalarNode) else "a key"


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
        names = location[:1] == ["environments"] and location[2:] == ["name"]  # its key says it already
        if not names and not _inherited(node, location):
            text = f"{'.'.join(map(str, location))}: {_said(problem, location)}"
            problems[yaml_lines.line(node, location)[0], text] = None
    lines = [f"{path}:{line}: {text}" for line, text in sorted(problems)]
    clear = all(_MEANT in line for line in lines)
    return ConfigError("\n".join(lines), hint="" if clear else "see Tagship's docs/reference.md for every key")


_MEANT = "; did you mean "


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
_LIMITS = {
    "greater_than_equal": "write {ge:g} or more",
    "less_than_equal": "write {le:g} or less",
    "string_too_long": "write at most {max_length} characters",
    "too_short": "name at least one",
    "literal_error": "write {expected}",
    "finite_number": "write a number",
}
"""The same for values out of range."""


def _said(problem: Mapping[str, Any], location: list[Any]) -> str:
    table, key = _table(location[:-1]), str(location[-1]) if location else ""
    known = {field.alias or name: field for name, field in table.model_fields.items() if not field.exclude}
    match problem["type"]:
        case "extra_forbidden":
            near = difflib.get_close_matches(key, known, 1)
            return f"unknown key{_MEANT}{near[0]}?" if near else f"unknown key; known: {', '.join(sorted(known))}"
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            wanted = known[key].description if key in known else "use a-z, 0-9 and -"
            return f"{problem['input']!r} isn't valid: {wanted}"
        case kind:
            wanted = _wanted(kind, problem)
            said = str(problem["msg"]).removeprefix("Value error, ")
            return f"{problem['input']!r} isn't valid: {wanted}" if wanted else said


def _wanted(kind: str, problem: Mapping[str, Any]) -> str:
    """What to write instead; empty if pydantic's message says it."""
    if kind == "string_type" and isinstance(problem["input"], int | float):
        return "write a text, in quotes if YAML reads it as something else"
    if kind in _SHAPES:
        return f"write {_SHAPES[kind]}"
    return _LIMITS[kind].format(**problem.get("ctx", {})) if kind in _LIMITS else ""


def _inherited(node: yaml.Node | None, location: list[Any]) -> bool:
    """Whether a problem of an environment comes from the top level, where it is reported already."""
    if len(location) < 3 or location[0] != "environments":  # noqa: PLR2004 - environments, NAME, key
        return False
    if location[2] == "app":  # copied from the top level
        return True
    if location[2] not in {field.alias for field in Settings.model_fields.values()}:
        return False
    own = next(
        (value for _, top in yaml_lines.pairs(node, "environments") for _, value in yaml_lines.pairs(top, location[1])),
        None,
    )
    return not any(yaml_lines.pairs(own, location[2])) and any(yaml_lines.pairs(node, location[2]))


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
