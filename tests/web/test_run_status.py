"""The page of a run: its status, its report, and its buttons."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run, make_running, store_input
from tests.web.finished_run import finished
from tests.web.page_text import markup
from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.vrs.vcf.report import Report

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_running_run_shows_its_progress_and_asks_for_itself(client: Client) -> None:
    run = make_running(
        input_bytes=100, bytes_done=25, records_done=1234567, started=timezone.now() - timedelta(seconds=60)
    )
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert 'value="0.2500"' in page
    assert "25 %" in page
    assert "about 3 min left" in page
    assert "1234567" in page
    assert f'hx-get="/jobs/{run.pk}/status/?seen=running"' in page


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_the_part_of_a_final_run_no_longer_asks_for_itself(client: Client, status: str) -> None:
    run = make_run(status=status)
    page = markup(client.get(f"/jobs/{run.pk}/status/?seen=running"))
    assert "hx-get" not in page
    assert "hx-swap-oob" in page  # the buttons, the commands and the announcement change with it


def test_the_part_of_an_unchanged_run_announces_nothing(client: Client) -> None:
    run = make_running()
    page = markup(client.get(f"/jobs/{run.pk}/status/?seen=running"))
    assert "hx-get" in page
    assert "announce" not in page


def test_the_part_of_a_run_is_one_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = make_running()
    with django_assert_num_queries(1):
        client.get(f"/jobs/{run.pk}/status/?seen=running")


def test_a_run_is_found_by_its_own_name_too(client: Client) -> None:
    make_run(run_id="50%-off", file_name="named.vcf")
    assert "named.vcf" in markup(client.get("/jobs/50%25-off/"))


@pytest.mark.parametrize("run_id", ["nothing", "%00", "%C3%A4", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_run_is_not_found(client: Client, run_id: str) -> None:
    response = client.get(f"/jobs/{run_id}/")
    assert response.status_code == 404
    assert "This page or run does not exist" in markup(response)


def test_the_page_of_a_run_that_was_deleted_stops_asking(client: Client) -> None:
    response = client.get("/jobs/nothing/status/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert "This run was deleted" in markup(response)
    assert "hx-get" not in markup(response)


def test_a_result_is_linked_until_it_expires(client: Client) -> None:
    run = finished(indexed=True)
    page = markup(client.get(f"/jobs/{run.pk}/"))
    for suffix in ("vcf.gz", "vcf", "vcf.gz.tbi", "tsv", "ndjson", "parquet"):
        assert f'href="/runs/{run.pk}/result.{suffix}"' in page
    Run.objects.update(expires=timezone.now())
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert "/result." not in page
    assert "has expired" in page


def test_parquet_is_offered_only_where_it_can_be_written(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vcfjobs.vrs.columns.formats.find_spec", lambda _: None)
    page = markup(client.get(f"/jobs/{finished().pk}/"))
    assert "result.tsv" in page
    assert "result.parquet" not in page


def test_a_run_without_an_index_offers_none(client: Client) -> None:
    run = finished(indexed=False)
    assert ".tbi" not in markup(client.get(f"/jobs/{run.pk}/"))


def test_the_report_is_shown_with_what_failed_and_what_is_unknown(client: Client) -> None:
    page = markup(client.get(f"/jobs/{finished().pk}/"))
    assert "REF differs from the reference" in page
    assert "1234567" in page
    assert "&lt;i&gt;chr1" in page
    assert "chrUn&lt;b&gt;" in page
    assert "Indel lengths" in page
    assert "Records along the sequence" in page


def test_a_failed_run_shows_its_sentence_and_never_its_traceback(client: Client) -> None:
    run = make_run(
        status=Status.FAILED, error_code="RUN_FAILURE", error="Line 7 is bad.", traceback="File /etc/x"
    )
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert "Line 7 is bad." in page
    assert "/etc/x" not in page


def test_a_run_is_cancelled_by_its_button(client: Client) -> None:
    run = make_running()
    assert client.post(f"/jobs/{run.pk}/cancel/")["Location"] == f"/jobs/{run.pk}/"
    assert Run.objects.get().status == Status.CANCELLED


def test_a_run_is_tried_again_by_its_button(client: Client, broker: list[Any]) -> None:
    run = make_run(status=Status.FAILED)
    store_input(run)
    client.post(f"/jobs/{run.pk}/retry/")
    assert Run.objects.get().status == Status.QUEUED
    assert len(broker) == 1


@pytest.mark.parametrize(
    ("verb", "status", "sentence"),
    [("cancel", Status.SUCCEEDED, "already ended"), ("retry", Status.FAILED, "no longer")],
)
def test_what_a_status_does_not_allow_is_said(client: Client, verb: str, status: str, sentence: str) -> None:
    run = make_run(status=status)
    response = client.post(f"/jobs/{run.pk}/{verb}/")
    assert response.status_code == 409
    assert sentence in markup(response)
    assert Run.objects.get().status == status


def test_deleting_asks_first(client: Client) -> None:
    run = make_run()
    store_input(run)
    assert "Delete this run?" in markup(client.get(f"/jobs/{run.pk}/delete/"))
    assert Run.objects.exists()
    assert client.post(f"/jobs/{run.pk}/delete/")["Location"] == "/"
    assert not Run.objects.exists()
    assert not storage.run_folder(run.pk).exists()


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_a_link_changes_nothing(client: Client, verb: str) -> None:
    run = make_run()
    assert client.get(f"/jobs/{run.pk}/{verb}/").status_code == 405


def test_a_succeeded_run_says_how_many_records_got_no_identifier(client: Client) -> None:
    warned, clean = finished(records_done=559, records_without_ids=79), finished(records_done=559)
    for address in (f"/jobs/{warned.pk}/", f"/jobs/{warned.pk}/status/"):
        assert "79 of 559 records without identifiers" in markup(client.get(address))
    assert "warning" not in markup(client.get(f"/jobs/{clean.pk}/"))


def test_a_failed_record_is_shown_with_both_bases(client: Client) -> None:
    report = Report(records=1)
    report.count_failure("chr1", 5, "reference_mismatch", "GATTACA", "CATTACA")
    page = markup(client.get(f"/jobs/{finished(report=report.to_json()).pk}/"))
    assert re.search(r"REF in the file.*GATTACA.*CATTACA.*REF differs from the reference", page, re.DOTALL)
