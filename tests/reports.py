"""Holds what a task printed with `--json` to its JSON Schema in docs/reports/, wherever a test runs one."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).parents[1] / "docs" / "reports"
LINES = frozenset({"logs", "accessories.logs"})


def check(argv: Sequence[str], out: str) -> None:
    """Raises jsonschema.ValidationError if a task's output isn't as its schema says, or has other keys.

    The output of several tasks in one command line is left alone.
    """
    ours = argv[: argv.index("--")] if "--" in argv else argv
    if ours.count("--json") != 1 or not out.strip():
        return
    for document in out.splitlines() if argv[0] in LINES else [out]:
        _validator(argv[0]).validate(json.loads(document))


@cache
def _validator(task: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{task}.schema.json").read_text())
    return Draft202012Validator(_strict(schema))


def _strict(schema: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """The schema without room for keys that it doesn't describe."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _strict(value) for key, value in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else made
