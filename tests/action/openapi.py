"""GitHub's own description of its API (openapi.json, which says its source), as a check of requests and replies."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema

_HERE = Path(__file__).parent


class ContractError(AssertionError):
    """A request or a reply that GitHub's description doesn't have."""


def operation(method: str, path: str) -> dict[str, Any]:
    """The description of one call. Raises ContractError."""
    plain = urlsplit(path).path
    for template, methods in _document()["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, plain) and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            return found
    raise ContractError(f"GitHub describes no {method} {plain}")


def check_request(method: str, path: str, body: object) -> None:
    """Raises ContractError for a body or a query that GitHub wouldn't understand."""
    described = operation(method, path)
    if content := described.get("requestBody", {}).get("content"):
        _validate(body, _strict(content["application/json"]["schema"]))
    elif body is not None:
        raise ContractError(f"{method} {path} takes no body")
    known = {_resolved(parameter)["name"] for parameter in described.get("parameters", ())}
    for name in (pair.partition("=")[0] for pair in urlsplit(path).query.split("&") if pair):
        if name not in known:
            raise ContractError(f"{method} {path} knows no {name!r}")


def check_reply(method: str, path: str, status: int, body: object) -> None:
    """Raises ContractError for a reply that GitHub wouldn't give: the fake is held to the description as well."""
    replies = operation(method, path)["responses"]
    if str(status) not in replies:
        raise ContractError(f"{method} {path} never answers {status}")
    if content := _resolved(replies[str(status)]).get("content"):
        _validate(body, content["application/json"]["schema"])


def example(name: str) -> Any:  # noqa: ANN401 - JSON
    """One of the description's examples, a copy."""
    return json.loads(json.dumps(_document()["components"]["examples"][name]["value"]))


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((_HERE / "openapi.json").read_text())
    _nullable(document)
    return document


def _nullable(node: object) -> None:
    """OpenAPI 3.0's `nullable: true` said as JSON Schema says it, in place."""
    for child in list(_children(node)):
        _nullable(child)
    if isinstance(node, dict) and node.get("nullable") is True:
        schema = {key: value for key, value in node.items() if key != "nullable"}
        node.clear()
        node["anyOf"] = [schema, {"type": "null"}]


def _children(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, list):
        yield from node


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The same with unknown keys refused: GitHub passes a misspelt one over, and we'd never know."""
    found = _resolved(schema)
    return found | {"additionalProperties": False} if "properties" in found else found


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    found: Any = node
    while "$ref" in found:
        target: Any = _document()
        for part in found["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        found = target
    return dict(found)


def _validate(body: object, schema: dict[str, Any]) -> None:
    whole = schema | {"components": _document()["components"]}
    try:
        jsonschema.validate(body, whole, cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError as error:
        raise ContractError(f"{error.json_path}: {error.message}") from None
