"""/schema/: the OpenAPI document as YAML, or as JSON."""

from __future__ import annotations

import pytest
import yaml
from django.test import Client

pytestmark = pytest.mark.django_db


def test_yaml_is_the_default_whatever_is_accepted(client: Client) -> None:
    for accept in ("*/*", "application/json"):
        answer = client.get("/schema/", headers={"Accept": accept})
        assert answer["Content-Type"].partition(";")[0] == "application/vnd.oai.openapi"
        assert yaml.safe_load(answer.content)["openapi"].startswith("3.")


def test_json_is_the_same_document(client: Client) -> None:
    answer = client.get("/schema/?format=json")
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json"
    assert answer.json() == yaml.safe_load(client.get("/schema/?format=yaml").content)


def test_another_format_is_422(client: Client) -> None:
    answer = client.get("/schema/?format=xml")
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["parameters"] == {"format": '"xml" is not a valid choice.'}
