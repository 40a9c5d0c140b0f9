"""Writes the pages, the schema and the picture that follow from the code: `nox -s docs`; `-- --check` compares."""  # noqa: INP001 - a script among documents

import builtins
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from docs import architecture, mistakes, reports, retention
from tagship import JOURNEY, errors, namespace
from tagship.commands.reports import REPORTS
from tagship.project import schema as config
from tagship.project import values

Table = type[BaseModel]

FOLDER = Path(__file__).parent
SHARED_KEYS = frozenset(config.Settings.model_fields)

INTRODUCTION = """\
# Reference

`nox -s docs` writes this page from the code; a test fails if it is out of date.

[tagship.yml](#tagshipyml) · [Tasks](#tasks) · [Exit codes](#exit-codes)
"""
CONFIGURATION = """\
## tagship.yml

Tagship looks for the file in the current folder, then in those above it; `TAGSHIP_CONFIG` may name another. All paths
in it are relative to its folder.

Tagship refuses an unknown key and names its line and the nearest known key. Write a duration as `500ms`, `2s`,
`1m30s`, or as a number of seconds. Instead of a list of texts you may write one text.
[tagship.schema.json](tagship.schema.json) gives completion to editors with the YAML language server: put a copy
beside the file, and begin the file with this line.

```yaml
# yaml-language-server: $schema=./tagship.schema.json
```
"""
SHARED = """\
You may also write keys marked ◦ in an environment, where they override the top level: tables are merged key by key,
lists are replaced.
"""
TASKS = """\
## Tasks

Run them as `tagship …` or, if your tasks.py says `from tagship import namespace`, as `inv …`.
"""
EXIT_CODES = """\
## Exit codes

[When something is wrong](mistakes.md) shows the messages, and what leads to each.
"""

OTHER_CODES = (
    ("0", "Success."),
    ("1", "Tagship has a bug, and shows its traceback."),
)

_WORDS = {str: "text", int: "whole number", float: "number", bool: "yes or no", Any: "anything"}


def files() -> dict[Path, str]:
    """Each generated file with its current text."""
    return {
        FOLDER / "architecture.md": architecture.page(),
        FOLDER / "reference.md": reference(),
        FOLDER / "reports.md": reports.page(),
        **{FOLDER / "reports" / f"{task}.schema.json": reports.schema(task) for task in REPORTS},
        FOLDER / "retention.svg": retention.picture(),
        FOLDER / "tagship.schema.json": schema(),
    }


def reference() -> str:
    """The text of docs/reference.md."""
    return "\n".join((INTRODUCTION, CONFIGURATION, *tables(), TASKS, *tasks(), EXIT_CODES, exit_codes()))


def tables() -> Iterator[str]:
    """A section for each table of tagship.yml; its heading lists the keys that hold such a table."""
    headings = {table: " · ".join(places) or "Top level" for table, places in _places().items()}
    for table, heading in headings.items():
        yield f"### {heading}\n\n{_prose(table)}\n"
        if table is config.Config:
            yield SHARED
        fields = _own(table).items()
        rows = ((_key(table, name, f), _value(f, headings), _default(f), f.description or "") for name, f in fields)
        yield _markdown(("key", "value", "default", "meaning"), rows)


def tasks() -> Iterator[str]:
    """A section with the `--help` of each task, in the order of `tagship`'s overview."""
    contexts = {context.name: context for context in namespace.to_contexts()}
    for context in (contexts[name] for names in JOURNEY.values() for name in names):
        rows = []
        for argument in context.args.values():
            flags, text = context.help_for(f"--{argument.name.strip('_').replace('_', '-')}")
            rows.append((f"`{flags}`", "required" if argument.positional and argument.value is None else "", text))
        yield f"### tagship {context.name}\n\n{_prose(namespace[context.name])}\n"
        if rows:
            yield _markdown(("option", "", "meaning"), rows)


def exit_codes() -> str:
    """A row for each kind of failure."""
    kinds = [kind for kind in errors.TagshipError.__subclasses__() if kind.__module__ == errors.__name__]
    failures = sorted((kind.exit_code, _prose(kind)) for kind in kinds)
    return _markdown(("code", "meaning"), [*OTHER_CODES, *((str(code), text) for code, text in failures)])


def schema() -> str:
    """The JSON Schema of tagship.yml."""
    made = config.Config.model_json_schema(schema_generator=_Strict) | {"title": "tagship.yml"}
    return json.dumps({"$schema": _Strict.schema_dialect, **made}, indent=2, ensure_ascii=False) + "\n"


class _Strict(GenerateJsonSchema):
    """A schema that is as strict as our own validation, without titles that only repeat the key."""

    def field_is_present(self, field: core_schema.ModelField) -> bool:  # type: ignore[override]
        """Omit excluded fields, which are no keys of the file."""
        return not field.get("serialization_exclude")

    def field_title_should_be_set(self, _schema: object) -> bool:
        """Give no field a title."""
        return False

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Refuse names that don't match the pattern."""
        made = super().dict_schema(schema)
        return made | {"additionalProperties": False} if "patternProperties" in made else made


def _places() -> dict[Table, list[str]]:
    """Every table with the keys that hold it; outer tables come first."""
    found: dict[Table, list[str]] = {config.Config: []}
    waiting: list[tuple[Table, str]] = [(config.Config, "")]
    for table, place in waiting:
        for name, field in _own(table).items():
            for inner in _tables(field.annotation):
                key = f"{place}{field.alias or name}{'.NAME' if get_origin(field.annotation) is dict else ''}"
                if inner not in found:
                    waiting.append((inner, f"{key}."))
                found.setdefault(inner, []).append(key)
    return found


def _own(table: Table) -> dict[str, FieldInfo]:
    """The keys to describe. Keys that environments share come last, and only at the top level."""
    shown = {name: field for name, field in table.model_fields.items() if not field.exclude}
    own = {name: field for name, field in shown.items() if name not in SHARED_KEYS}
    return own if table is config.Environment else {**own, **shown}


def _key(table: Table, name: str, field: FieldInfo) -> str:
    return f"`{field.alias or name}`{' ◦' if table is config.Config and name in SHARED_KEYS else ''}"


def _value(field: FieldInfo, headings: Mapping[Table, str]) -> str:
    """The type of a key's value, in words."""
    return "duration" if _is_duration(field) else _type(field.annotation, headings)


def _is_duration(field: FieldInfo) -> bool:
    return any(isinstance(item, BeforeValidator) and item.func is values.seconds for item in field.metadata)


def _type(annotation: Any, headings: Mapping[Table, str]) -> str:  # noqa: ANN401 - type annotations have no common type
    arguments = get_args(annotation)
    match get_origin(annotation):
        case typing.Literal:
            return " or ".join(f"`{argument}`" for argument in arguments)
        case typing.Annotated | typing.Union | types.UnionType:  # the rest is limits, or None
            return _type(arguments[0], headings)
        case builtins.dict:
            return f"{_type(arguments[0], headings)} → {_type(arguments[1], headings)}"
        case builtins.tuple:
            return f"list of {_type(arguments[0], headings)}"
        case _:
            return _WORDS.get(annotation) or f"[table](#{_anchor(headings[annotation])})"


def _tables(annotation: Any) -> Iterator[Table]:  # noqa: ANN401 - type annotations have no common type
    """The tables that a type contains."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables(argument)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    shown = value if isinstance(value, tuple) else (f"{value:g}s",) if _is_duration(field) else (value,)
    return ", ".join(f"`{item}`" for item in shown if isinstance(item, str | int | float) and item != "")


def _prose(thing: object) -> str:
    """A docstring, its lines joined."""
    return " ".join((inspect.getdoc(thing) or "").split())


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Write outdated files; with --check only list them and return 1 if there are any."""
    check = "--check" in arguments
    every = files() if check else {**files(), mistakes.PAGE: mistakes.page()}  # the cases' own test compares that one
    stale = {path: text for path, text in every.items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        print(f"docs/{path.name} is out of date: run `nox -s docs`." if check else f"Wrote docs/{path.name}.")  # noqa: T201 - it is a program
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
