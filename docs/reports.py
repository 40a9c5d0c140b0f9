"""The JSON Schemas of what `--json` prints, and the page that describes it, from the types in commands/reports.py."""  # noqa: INP001 - a script among documents

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tagship import JOURNEY
from tagship.commands.reports import LINES, REPORTS

Schema = Mapping[str, Any]
Types = Mapping[str, Schema]
"""The types that schemas refer to by name."""

INTRODUCTION = """\
# What `--json` prints

`nox -s docs` writes this page and the JSON Schemas in `docs/reports/` from the code, and tests hold the output to them.

With `--json` a task prints its result as one JSON document on stdout, and nothing else; `logs` and `accessories.logs`
print one document a line. Progress, remarks and errors stay on stderr. A task that fails prints nothing on stdout, or
what it found out before: look at the [exit code](reference.md#exit-codes) first. All keys are always there. Later
versions may add keys.
"""
_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no", "null": "null"}


def schema(task: str) -> str:
    """The JSON Schema of what a task prints."""
    made = TypeAdapter(REPORTS[task]).json_schema(schema_generator=_Shape, mode="serialization")
    title = f"A line of tagship {task} --json" if task in LINES else f"tagship {task} --json"
    return json.dumps({"$schema": _Shape.schema_dialect, "title": title, **made}, indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """The text of docs/reports.md."""
    found = {task: json.loads(schema(task)) for names in JOURNEY.values() for task in names if task in REPORTS}
    types: dict[str, Schema] = {}
    for made in found.values():
        types |= made.get("$defs", {})
    sections = [f"## tagship {task}\n\n{_told(task, made, types)}" for task, made in found.items()]
    parts = [f"### {name}\n\n{_table(each, types)}" for name, each in sorted(types.items()) if "properties" in each]
    return "\n".join((INTRODUCTION, *sections, "## Parts of several\n", *parts))


def _told(task: str, made: Schema, types: Types) -> str:
    link = f"[{task}.schema.json](reports/{task}.schema.json)"
    if "properties" in made:
        return f"{link}\n\n{_table(made, types)}"
    return f"{link}: {_words(made, types)}\n"


def _table(made: Schema, types: Types) -> str:
    rows = [("key", "value", "meaning"), ("---", "---", "---")]
    for name, each in made["properties"].items():
        rows.append((f"`{name}`", _words(each, types), each.get("description", "")))
    lines = "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)
    return f"{made['description']}\n\n{lines}" if "description" in made else lines


def _words(made: Schema, types: Types) -> str:
    """A schema's type in words: a link to a type that has a section, and any other in full."""
    if "$ref" in made:
        name = made["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if "properties" in types[name] else _words(types[name], types)
    if "anyOf" in made:
        return " or ".join(_words(each, types) for each in made["anyOf"])
    if "enum" in made or "const" in made:
        return " or ".join(f"`{json.dumps(each)}`" for each in made.get("enum", [made.get("const")]))
    match made.get("type"):
        case "array":
            return (
                f"list of {_words(made['items'], types)}" if "items" in made else f"{len(made['prefixItems'])} values"
            )
        case "object":
            more = made.get("additionalProperties")
            return f"text → {_words(more, types)}" if isinstance(more, Mapping) else "object"
        case kind:
            return _KINDS.get(str(kind), "anything")


class _Shape(GenerateJsonSchema):
    """The schema of values as they are printed: all keys are there, and each has the docstring of its field."""

    def field_title_should_be_set(self, _schema: object) -> bool:
        """Give no field a title."""
        return False

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """Require all fields, and describe them."""
        made = super().dataclass_schema(schema)
        docs = dict(_docs(schema["cls"]))
        made["description"] = " ".join((inspect.getdoc(schema["cls"]) or "").split())
        properties = {name: _described(each, docs.get(name, "")) for name, each in made["properties"].items()}
        made.pop("title", None)
        return made | {"properties": properties, "required": [*properties]}


def _described(made: JsonSchemaValue, text: str) -> JsonSchemaValue:
    kept = {key: value for key, value in made.items() if key != "default"}
    return kept | {"description": text} if text else kept


def _docs(kind: type) -> Iterator[tuple[str, str]]:
    """Field → the docstring below it, for a class and those that it extends."""
    for each in reversed(kind.__mro__[:-1]):
        yield from _docs_of(each)


def _docs_of(kind: type) -> Iterator[tuple[str, str]]:
    (found,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    body = found.body if isinstance(found, ast.ClassDef) else []
    for at, below in pairwise(body):
        match at, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, re.sub(r"\bNone\b", "null", " ".join(text.split()))
