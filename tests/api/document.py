"""The OpenAPI document of the service: its operations, and what each may answer."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

import jsonschema
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "put", "post", "delete")
CODES = re.compile(r"[A-Z_]+(?:, [A-Z_]+)*")
BINARY = {"application/gzip", "application/octet-stream", "application/vnd.apache.parquet"}


DOCUMENT: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)


class Operation(NamedTuple):
    """One call of the document."""

    path: str
    method: str
    said: dict[str, Any]

    @property
    def name(self) -> str:
        """What it is called, whichever of its methods it is."""
        return str(self.said["operationId"]).removesuffix("_by_post")


OPERATIONS = {
    operation["operationId"]: Operation(path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in METHODS
}


class Answer(NamedTuple):
    """One answer of an operation: `what` is its error code, or its media type where it has no code."""

    operation: str
    status: int
    what: str


def _answers(operation: str, status: int, response: dict[str, Any]) -> list[Answer]:
    is_coded = status >= 400 and CODES.fullmatch(response["description"])
    named = response["description"].split(", ") if is_coded else response.get("content", {})
    return [Answer(operation, status, what) for what in named if what not in BINARY]


# Every answer that has a text.
ANSWERS = [
    answer
    for operation, (_, _, said) in OPERATIONS.items()
    for status, response in said["responses"].items()
    for answer in _answers(operation, int(status), response)
]


def _checker() -> jsonschema.FormatChecker:
    """What the formats of our schemas mean."""
    made = jsonschema.FormatChecker(["uuid"])
    made.checks("date-time", ValueError)(lambda text: text is None or datetime.fromisoformat(text).tzinfo)
    made.checks("uri")(lambda text: text is None or re.match(r"https?://[^/\s]+", text))
    return made


def _as_json_schema(node: Any) -> Any:
    """A schema of OpenAPI 3.0, which has a word of its own for null, as JSON Schema."""
    if isinstance(node, list):
        return [_as_json_schema(child) for child in node]
    if not isinstance(node, dict):
        return node
    made = {name: _as_json_schema(child) for name, child in node.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def require_fit(value: Any, schema: Any) -> None:
    """Raise ValidationError unless the value fits the schema of the document."""
    whole = _as_json_schema({**schema, "components": DOCUMENT["components"]})
    jsonschema.validate(value, whole, jsonschema.Draft202012Validator, format_checker=_checker())
