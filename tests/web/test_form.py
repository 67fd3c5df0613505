"""The upload form, as a browser without JavaScript sends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from tests.factories import VCF, make_run, make_running
from tests.web.finished_run import finished
from tests.web.page_text import markup
from vcfjobs import storage
from vcfjobs.models import Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]


Post = Callable[..., Any]


def test_the_form_submits_a_run_and_leads_to_its_page(post: Post) -> None:
    response = post(name="trio.vcf", run_id="mine")
    run = Run.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/jobs/{run.pk}/")
    assert (run.run_id, run.file_name, run.status, run.owner) == ("mine", "trio.vcf", Status.QUEUED, "")
    assert storage.input_path(run.pk).read_bytes() == VCF


def test_an_option_that_is_not_ticked_is_off(post: Post) -> None:
    post(add_vrs_attributes="on")
    run = Run.objects.get()
    assert (run.for_ref, run.add_vrs_attributes, run.register) == (True, True, False)


def test_the_same_submit_again_leads_to_the_same_run(post: Post, client: Client) -> None:
    first = post(run_id="mine")
    again = post(run_id="mine")
    assert again["Location"] == first["Location"]
    assert "already submitted this file" in markup(client.get(again["Location"]))


@pytest.mark.parametrize(
    ("change", "status", "sentence", "field"),
    [
        ({"content": b"hello\n"}, 400, "VCF", "vcf"),
        ({"content": b""}, 400, "The file is empty.", "vcf"),
        ({"vcf": ""}, 400, "Choose a VCF file.", "vcf"),
        ({"assembly": "GRCh99"}, 422, "GRCh99 is not a registered assembly.", "assembly"),
        ({"run_id": "a/b"}, 422, "run_id must be", "run_id"),
        (
            {"content": VCF.replace(b"\tA\t", b"\tT\t").replace(b"\tAGC\t", b"\tTTT\t")},
            422,
            "REF bases",
            "assembly",
        ),
        ({"whole": ""}, 400, "The upload was interrupted.", "__all__"),
    ],
    ids=["no VCF", "empty", "no file", "assembly", "run id", "wrong reference", "cut"],
)
def test_what_is_wrong_is_a_sentence_at_its_field(
    post: Post, change: dict[str, Any], status: int, sentence: str, field: str
) -> None:
    response = post(**change)
    assert response.status_code == status
    assert sentence in " ".join(response.context["form"].errors[field])
    assert not Run.objects.exists()
    del response
    assert list(storage.spool().iterdir()) == []


def test_a_run_id_in_use_is_said_at_the_run_id(post: Post) -> None:
    post(run_id="mine")
    response = post(VCF + b"chr1\t2\t.\tC\tT\t.\t.\t.\n", run_id="mine")
    assert response.status_code == 400
    assert "An existing run with id mine is PENDING" in response.context["form"].errors["run_id"][0]


def test_what_was_typed_is_still_there_after_an_error(post: Post) -> None:
    page = markup(post(content=b"hello\n", run_id="mine", add_vrs_attributes="on"))
    assert 'value="mine"' in page
    assert re.search(r'name="add_vrs_attributes"[^>]* checked', page)


def test_a_file_above_the_limit_is_refused_and_nothing_stays(post: Post, settings: Settings) -> None:
    settings.ANYVAR_MAX_UPLOAD_BYTES = 10
    response = post()
    assert response.status_code == 413
    assert "larger than the limit of 10 bytes" in markup(response)
    assert list(storage.spool().iterdir()) == []


def test_a_submit_without_any_reference_is_refused(client: Client) -> None:
    response = client.post("/", {"vcf": SimpleUploadedFile("a.vcf", VCF), "whole": "1"})
    assert response.status_code == 503
    assert "No reference assembly is registered" in markup(response)


@pytest.mark.parametrize("address", ["/", "/jobs/{}/cancel/", "/jobs/{}/retry/", "/jobs/{}/delete/"])
def test_a_form_from_another_site_is_refused(address: str) -> None:
    run = make_run()
    response = Client(enforce_csrf_checks=True).post(address.format(run.pk))
    assert response.status_code == 403
    assert Run.objects.get() == run
    assert Run.objects.get().status == Status.QUEUED


def test_the_form_of_the_page_passes_the_check(tiny_assembly: str, broker: object) -> None:
    browser = Client(enforce_csrf_checks=True)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', markup(browser.get("/")))
    assert token is not None
    form = {"csrfmiddlewaretoken": token.group(1), "assembly": "tiny", "whole": "1"}
    assert browser.post("/", form | {"vcf": SimpleUploadedFile("a.vcf", VCF)}).status_code == 302


def test_pages_carry_neither_inline_script_nor_inline_style(client: Client, tiny_assembly: str) -> None:
    run = finished()
    for address in ("/", f"/jobs/{run.pk}/", f"/jobs/{make_running().pk}/"):
        response = client.get(address)
        page = markup(response)
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page)
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
        assert "default-src 'self'" in response["Content-Security-Policy"]
