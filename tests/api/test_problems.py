"""Problem documents: which sentence an error becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from vcfjobs import storage
from vcfjobs.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        ({"ids": [None]}, {"ids.0": "This field may not be null."}),
        (
            {"ids": ["a", {}, None]},
            {"ids.1": "Not a valid string.", "ids.2": "This field may not be null."},
        ),
        ({}, {"ids": "This field is required."}),
        ({"ids": 1}, {"ids": 'Expected a list of items but got type "int".'}),
    ],
)
def test_a_nested_error_keeps_its_text(client: Client, body: Any, parameters: dict[str, str]) -> None:
    response = client.post("/objects", json.dumps(body), content_type="application/json")
    assert response.status_code == 422
    assert response.json()["parameters"] == parameters
    assert response.json()["detail"] == " ".join(f"{name}: {text}" for name, text in parameters.items())


def test_of_thousands_of_nested_errors_some_are_named(client: Client) -> None:
    response = client.post("/objects", json.dumps({"ids": 9_000 * [None]}), content_type="application/json")
    assert len(response.json()["parameters"]) == 20


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE {} RENAME TO moved", "ALTER TABLE {} RENAME COLUMN owner TO moved"],
    ids=["table", "column"],
)
def test_a_call_without_its_tables_is_503_that_says_migrate(client: Client, change: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change.format(Run._meta.db_table))
    response = client.get("/runs/")
    assert (response.status_code, response.json()["error_code"]) == (503, "DATABASE_UNAVAILABLE")
    assert "manage.py migrate" in response.json()["detail"]
    assert int(response["Retry-After"]) > 0


def test_readyz_of_a_database_that_lacks_a_migration_says_migrate(client: Client) -> None:
    storage.prepare()
    assert client.get("/readyz").status_code == 200
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("vcfjobs")
    MigrationRecorder(connection).record_unapplied(*newest)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["database"] == "not migrated: run manage.py migrate"
