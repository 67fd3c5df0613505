"""Every response has an example in the OpenAPI document, which fits its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import jsonschema
import pytest

from tests.api.document import DOCUMENT, EXAMPLES, OPERATIONS
from vcfjobs.api.openapi import examples

# What cannot be shown as text.
UNSHOWN = {"application/gzip", "application/octet-stream", "application/vnd.apache.parquet"}

# --- every call has them --------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_call_documents_its_success_and_what_goes_wrong(name: str) -> None:
    statuses = [int(status) for status in OPERATIONS[name].said["responses"]]
    assert any(status < 300 for status in statuses)
    assert name == "get_health" or any(status >= 400 for status in statuses)
    assert all(response["description"] for response in OPERATIONS[name].said["responses"].values())


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_answer_that_can_be_shown_is_shown(name: str) -> None:
    for status, response in OPERATIONS[name].said["responses"].items():
        for media, content in response.get("content", {}).items():
            assert content.get("examples") or media in UNSHOWN, f"{status} {media}"


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_call_needs_is_shown(name: str) -> None:
    said = OPERATIONS[name].said
    for media, content in said.get("requestBody", {}).get("content", {}).items():
        assert content.get("examples"), media
    for parameter in said.get("parameters", []):
        assert not parameter.get("required") or parameter.get("examples"), parameter["name"]


# --- each fits its schema -------------------------------------------------------------------------


def checker() -> jsonschema.FormatChecker:
    """What the formats of our schemas mean."""
    made = jsonschema.FormatChecker(["uuid"])
    made.checks("date-time", ValueError)(lambda text: text is None or datetime.fromisoformat(text).tzinfo)
    made.checks("uri")(lambda text: text is None or re.match(r"https?://[^/\s]+", text))
    return made


def as_json_schema(node: Any) -> Any:
    """A schema of OpenAPI 3.0, which has a word of its own for null, as JSON Schema."""
    if isinstance(node, list):
        return [as_json_schema(child) for child in node]
    if not isinstance(node, dict):
        return node
    made = {name: as_json_schema(child) for name, child in node.items() if name != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


def require_fit(value: Any, schema: Any) -> None:
    """Raise ValidationError unless the value fits the schema of the document."""
    whole = as_json_schema({**schema, "components": DOCUMENT["components"]})
    jsonschema.validate(value, whole, jsonschema.Draft202012Validator, format_checker=checker())


def shown(node: Any, schema: Any = None) -> Iterator[tuple[Any, Any]]:
    """Every schema of the document that has examples beside it, and each of these."""
    if isinstance(node, dict):
        schema = node.get("schema", schema)
        for example in (node.get("examples") or {}).values() if "schema" in node else ():
            yield node["schema"], example["value"]
        for child in node.values():
            yield from shown(child, schema)
    elif isinstance(node, list):
        for child in node:
            yield from shown(child, schema)


def test_each_example_fits_the_schema_that_it_stands_beside() -> None:
    found = list(shown(DOCUMENT["paths"]))
    assert len(found) > len(EXAMPLES)
    for schema, value in found:
        require_fit(value, schema)


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [("Run", {"id": "no-uuid"}), ("Run", {"created": "today"}), ("Allele", {"type": "Haplotype"})],
)
def test_an_example_that_does_not_fit_is_found(schema: str, wrong: dict[str, str]) -> None:
    value = {"Run": examples.WHOLE_RUN, "Allele": examples.ALLELE}[schema]
    named = {"$ref": f"#/components/schemas/{schema}"}
    require_fit(value, named)
    with pytest.raises(jsonschema.ValidationError):
        require_fit(value | wrong, named)
