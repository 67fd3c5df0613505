"""AnyVar's mappings and annotations of objects, of which there are none here."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db

UNKNOWN = "ga4gh:VA." + "A" * 32
LOOKS = [
    ("mappings", "mappings"),
    ("mappings/liftover", "mappings"),
    ("mappings?mapping_type=liftover&as_source=false", "mappings"),
    ("annotations", "annotations"),
    ("annotations/creation_timestamp", "annotations"),
]


@pytest.fixture
def vrs_id(client: Client, tiny_assembly: str, settings: Settings) -> str:
    """A registered object."""
    settings.ANYVAR_REGISTER = True
    body = {"definition": "1-1-A-C", "assembly_name": "tiny"}
    answer = client.put("/variation", body, content_type="application/json")
    return str(answer.json()["object_id"])


@pytest.mark.parametrize(("address", "member"), LOOKS)
def test_the_calls_of_an_mcp_client_for_anyvar_find_empty_lists(
    client: Client, vrs_id: str, address: str, member: str
) -> None:
    answer = client.get(f"/object/{vrs_id}/{address}")
    assert (answer.status_code, answer.json()) == (200, {member: []})


@pytest.mark.parametrize(("address", "member"), LOOKS)
def test_those_of_an_unknown_object_are_404_in_anyvars_shape(
    client: Client, address: str, member: str
) -> None:
    answer = client.get(f"/object/{UNKNOWN}/{address}")
    assert (answer.status_code, answer.json()) == (404, {"detail": f"VRS Object {UNKNOWN} not found"})


@pytest.mark.parametrize(("method", "address"), [("put", "mappings"), ("post", "annotations")])
def test_nothing_can_be_stored_and_a_sentence_says_so(
    client: Client, vrs_id: str, method: str, address: str
) -> None:
    answer = getattr(client, method)(f"/object/{vrs_id}/{address}", {}, content_type="application/json")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json()["detail"] == "This service stores no mappings and no annotations."
