"""What stands around the runs: health, service-info, schema, documentation, problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from tests.factories import make_run
from vcfjobs.runs import lifecycle
from vcfjobs.worker import dispatch

pytestmark = pytest.mark.django_db

SNAPSHOT = Path(__file__).parent / "schema.yaml"


def test_healthz_and_service_info_are_open(client: Client, settings: Settings, tiny_assembly: str) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/service-info").json()["assemblies"] == ["tiny"]


def test_readyz_names_what_is_not_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "answers", lambda: False)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"] == {"database": "ok", "broker": "unavailable", "work_directory": "ok"}


@pytest.mark.parametrize("address", ["/vcf/a/b/c", "/runs/x/nothing", "/object/"])
def test_an_unknown_address_is_a_problem_document(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert set(response.json()) >= {"type", "title", "status", "detail", "error", "error_code"}


def test_a_wrong_method_is_405_as_a_problem(client: Client) -> None:
    response = client.delete("/vcf")
    assert (response.status_code, response.json()["error_code"]) == (405, "METHOD_NOT_ALLOWED")


def test_what_nobody_foresaw_is_500_without_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**options: Any) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(lifecycle, "find_run", broken)
    make_run(run_id="a")
    response = client.get("/runs/a/")
    assert response.status_code == 500
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/runs/?cursor=cD1mb28=", 422),
        ("/vcf/%00", 404),
        ("/runs/a%00b/", 404),
        ("/?before=0001-01-01T00:00:00%2B23:59~x", 200),
    ],
)
def test_hostile_addresses_are_answered_and_not_fallen_over(
    client: Client, address: str, status: int
) -> None:
    assert client.get(address).status_code == status


def test_a_deeply_nested_body_is_400(client: Client) -> None:
    response = client.post("/objects", "[" * 200_000, content_type="application/json")
    assert response.status_code == 400


def test_accept_does_not_decide(client: Client) -> None:
    make_run(run_id="a")
    response = client.get("/vcf/a", headers={"Accept": "application/xml"})
    assert (response.status_code, response["Content-Type"]) == (202, "application/json")


def test_the_schema_is_the_snapshot_and_has_no_warnings(tmp_path: Path) -> None:
    """After a wanted change: python manage.py spectacular --file tests/api/schema.yaml"""
    made = tmp_path / "schema.yaml"
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(made))
    assert made.read_text() == SNAPSHOT.read_text()


def test_every_answer_carries_the_security_headers(client: Client) -> None:
    response = client.get("/healthz")
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("address", ["/vcf", "/annotated_vcf", "/vcf/x", "/runs/", "/runs/x/", "/objects"])
def test_options_fails_nowhere(client: Client, address: str) -> None:
    assert client.options(address).status_code == 405
