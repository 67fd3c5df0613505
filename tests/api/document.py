"""The OpenAPI document of the service: its operations, and the examples of their responses."""

from __future__ import annotations

from typing import Any, NamedTuple

from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "put", "post", "delete")


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


class Example(NamedTuple):
    """One example of an answer."""

    operation: str
    status: int
    media: str
    summary: str
    value: Any


EXAMPLES = [
    Example(operation, int(status), media, example.get("summary", name), example["value"])
    for operation, (_, _, said) in OPERATIONS.items()
    for status, response in said["responses"].items()
    for media, content in response.get("content", {}).items()
    for name, example in content.get("examples", {}).items()
]
