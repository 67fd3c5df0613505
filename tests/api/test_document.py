"""The OpenAPI document: every call says what it answers, and every example fits its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from tests.api.document import DOCUMENT, OPERATIONS, require_fit
from vcfjobs.api import examples

HOLDING = {"id": examples.PK, "run_id": "my-run", "created": "2026-11-24T12:00:00Z", "self": "/runs/x/"}

# --- every call has them --------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_call_documents_its_success_and_what_goes_wrong(name: str) -> None:
    statuses = [int(status) for status in OPERATIONS[name].said["responses"]]
    assert any(status < 300 for status in statuses)
    assert name == "get_health" or any(status >= 400 for status in statuses)
    assert all(response["description"] for response in OPERATIONS[name].said["responses"].values())


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_call_has_a_summary(name: str) -> None:
    said = OPERATIONS[name].said
    assert 0 < len(said["summary"]) < 80
    assert said["description"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_call_needs_is_shown(name: str) -> None:
    said = OPERATIONS[name].said
    for media, content in said.get("requestBody", {}).get("content", {}).items():
        assert content.get("examples"), media
    for parameter in said.get("parameters", []):
        assert not parameter.get("required") or parameter.get("examples"), parameter["name"]


# --- each fits its schema -------------------------------------------------------------------------


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
    assert len(found) > len(OPERATIONS)
    for schema, value in found:
        require_fit(value, schema)


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ("Allele", examples.ALLELE, {"type": "Haplotype"}),
        ("RunStatus", examples.PENDING, {"records": "many"}),
        ("HoldingRun", HOLDING, {"id": "no-uuid"}),
        ("HoldingRun", HOLDING, {"created": "today"}),
    ],
)
def test_an_example_that_does_not_fit_is_found(
    schema: str, value: dict[str, Any], wrong: dict[str, str]
) -> None:
    named = {"$ref": f"#/components/schemas/{schema}"}
    require_fit(value, named)
    with pytest.raises(jsonschema.ValidationError):
        require_fit(value | wrong, named)
