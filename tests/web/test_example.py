"""The first run of an empty service, and a run once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.factories import VCF, make_run
from tests.web.page_text import words
from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.web import example

pytestmark = [pytest.mark.django_db, pytest.mark.database]

OFFER = "Try the example"


@pytest.fixture
def fitting(tiny_assembly: str, broker: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An example that fits the assembly `tiny`."""
    path = tmp_path / "example.vcf"
    path.write_bytes(VCF)
    monkeypatch.setattr(example, "path", lambda: path)
    return tiny_assembly


@pytest.mark.usefixtures("fitting")
def test_an_empty_service_offers_an_example_and_runs_it(client: Client) -> None:
    assert OFFER in words(client.get("/"))
    response = client.post("/example/")
    run = Run.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/jobs/{run.pk}/")
    assert (run.file_name, run.assembly, run.status) == ("example.vcf", "tiny", Status.QUEUED)
    assert storage.input_path(run.pk).read_bytes() == VCF
    assert list(storage.spool().iterdir()) == []
    assert OFFER not in words(client.get("/"))


@pytest.mark.usefixtures("fitting")
def test_a_list_without_matches_offers_none(client: Client) -> None:
    assert OFFER not in words(client.get("/?search=x"))


def test_without_an_assembly_that_fits_none_is_offered(client: Client, tiny_assembly: str) -> None:
    assert OFFER not in words(client.get("/"))
    response = client.post("/example/")
    assert response.status_code == 422
    assert "fits no registered assembly" in words(response)


@pytest.mark.usefixtures("fitting")
def test_the_example_counts_as_a_submit(client: Client, settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    client.post("/example/")
    response = client.post("/example/")
    assert (response.status_code, response["Retry-After"]) == (429, "30")
    assert client.get("/example/").status_code == 405


def checked(page: str) -> set[str]:
    """Which of the form's options are ticked."""
    return {
        name for name in ("for_ref", "add_vrs_attributes", "register") if f'id="id_{name}" checked' in page
    }


def test_an_ended_run_leads_to_the_form_with_its_parameters(client: Client, tiny_assembly: str) -> None:
    made: dict[str, Any] = {"file_name": "a.vcf", "add_vrs_attributes": True, "register": False}
    run = make_run(status=Status.SUCCEEDED, vrs_version="2.1", **made)
    assert f'href="/?again={run.pk}"' in words(client.get(f"/jobs/{run.pk}/"))
    page = words(client.get(f"/?again={run.pk}"))
    assert "The parameters are those of <bdi>a.vcf</bdi>." in page
    assert '<option value="2.1" selected>' in page
    assert checked(page) == {"for_ref", "add_vrs_attributes"}


def test_a_run_whose_file_is_stored_is_retried_instead(client: Client) -> None:
    run = make_run(status=Status.FAILED)
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert "?again=" not in page
    assert "Retry" in page


def test_another_run_than_ones_own_gives_no_parameters(client: Client, tiny_assembly: str) -> None:
    page = words(client.get("/?again=nobody"))
    assert "The parameters are those of" not in page
    assert checked(page) == {"for_ref", "register"}
