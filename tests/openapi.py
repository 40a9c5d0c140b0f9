"""Checks our requests, and the answers of our fakes, against a service's own OpenAPI description."""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema


class ContractError(AssertionError):
    """A request or a reply that the description doesn't have."""


class Description:
    """One OpenAPI 3 document in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """The description of one call. Raises ContractError."""
        plain = urlsplit(path).path
        for template, methods in self._document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if re.fullmatch(pattern, plain) and method.lower() in methods:
                found: dict[str, Any] = methods[method.lower()]
                return found
        raise ContractError(f"{self._path.name} describes no {method} {plain}")

    def check_request(self, method: str, path: str, body: object) -> None:
        """Raises ContractError for a body or a query that doesn't match the description."""
        described = self.operation(method, path)
        if content := described.get("requestBody", {}).get("content"):
            self._validate(body, self._strict(content["application/json"]["schema"]))
        elif body is not None:
            raise ContractError(f"{method} {path} takes no body")
        known = {self._resolved(parameter)["name"] for parameter in described.get("parameters", ())}
        for name in (pair.partition("=")[0] for pair in urlsplit(path).query.split("&") if pair):
            if name not in known:
                raise ContractError(f"{method} {path} knows no {name!r}")

    def check_reply(self, method: str, path: str, status: int, body: object) -> None:
        """Raises ContractError for a reply of the fake that doesn't match the description."""
        replies = self.operation(method, path)["responses"]
        if str(status) not in replies:
            raise ContractError(f"{method} {path} never answers {status}")
        if content := self._resolved(replies[str(status)]).get("content"):
            self._validate(body, content["application/json"]["schema"])

    def example(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """One of the description's examples, a copy."""
        return json.loads(json.dumps(self._document["components"]["examples"][name]["value"]))

    @cached_property
    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._path.read_text())
        _nullable(document)
        return document

    def _strict(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with unknown keys refused, so that a misspelt key doesn't go unnoticed."""
        found = self._resolved(schema)
        return found | {"additionalProperties": False} if "properties" in found else found

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        found: Any = node
        while "$ref" in found:
            target: Any = self._document
            for part in found["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            found = target
        return dict(found)

    def _validate(self, body: object, schema: dict[str, Any]) -> None:
        whole = schema | {"components": self._document.get("components", {})}
        try:
            jsonschema.validate(body, whole, cls=jsonschema.Draft202012Validator)
        except jsonschema.ValidationError as error:
            raise ContractError(f"{error.json_path}: {error.message}") from None


def _nullable(node: object) -> None:
    """Convert OpenAPI 3.0's `nullable: true` to JSON Schema, in place."""
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
