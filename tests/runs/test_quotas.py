"""What is let in, and what is told to come again later."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import VCF, make_run, make_upload, store_input
from vcfjobs import storage
from vcfjobs.errors import VcfJobsError
from vcfjobs.models import Run, Status
from vcfjobs.runs import admission, lifecycle, submit

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("broker", "tiny_assembly")]


def put(client: Client, **query: str) -> Any:
    text = "&".join(f"{name}={value}" for name, value in ({"assembly": "tiny"} | query).items())
    return client.put(f"/vcf?run_async=true&{text}", data=VCF, content_type="application/octet-stream")


def test_an_owner_with_as_many_runs_as_one_may_have_waits(client: Client, settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 2
    assert [put(client).status_code for _ in range(2)] == [202, 202]
    answer = put(client)
    assert (answer.status_code, answer.json()["error_code"]) == (429, "TOO_MANY_RUNS")
    assert int(answer.headers["Retry-After"]) > 0
    assert not list(storage.spool().iterdir())
    Run.objects.all()[0].delete()
    assert put(client).status_code == 202


def test_the_limit_of_one_owner_is_not_anothers(settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    make_run(owner="a")
    admission.require_room("b", 0)
    with pytest.raises(VcfJobsError, match="limit of"):
        admission.require_room("a", 0)


def test_runs_that_ended_do_not_count(settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    make_run(status=Status.SUCCEEDED)
    make_run(status=Status.FAILED)
    admission.require_room("", 0)


def test_an_owner_whose_files_are_too_many_bytes_waits(client: Client, settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_BYTES = 2 * len(VCF) + 10
    assert [put(client).status_code for _ in range(2)] == [202, 202]
    answer = put(client)
    assert (answer.status_code, answer.json()["error_code"]) == (429, "TOO_MANY_BYTES")
    assert "Retry-After" in answer.headers


def test_uploads_that_arrive_at_once_do_not_pass_the_bytes_of_an_owner_together(settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_BYTES = len(VCF) + 10
    parameters = submit.Parameters(assembly="tiny")
    for upload in (first := make_upload(), second := make_upload()):
        admission.require_room("", upload.size)  # both are let in before either is recorded
    submit.submit_run(upload=first, parameters=parameters, owner="", run_id=None, run_async=True)
    with pytest.raises(VcfJobsError, match="bytes that you may store"):
        submit.submit_run(upload=second, parameters=parameters, owner="", run_id=None, run_async=True)
    assert admission.stored_bytes("") == len(VCF)


def test_stored_bytes_are_inputs_and_results_that_are_still_there(settings: Settings) -> None:
    make_run(input_bytes=100)
    make_run(input_bytes=1000, status=Status.SUCCEEDED, result_bytes=7)
    make_run(input_bytes=50, status=Status.FAILED)
    make_run(input_bytes=9999, owner="other")
    from django.utils import timezone

    make_run(input_bytes=9999, status=Status.FAILED, expired=timezone.now())
    assert admission.stored_bytes("") == 157


def test_a_full_queue_answers_503(client: Client, settings: Settings) -> None:
    settings.ANYVAR_MAX_QUEUED_RUNS = 1
    assert put(client).status_code == 202
    answer = put(client)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "QUEUE_FULL")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_nearly_full_disk_answers_503_before_the_body_is_read(client: Client, settings: Settings) -> None:
    settings.ANYVAR_MIN_FREE_BYTES = storage.free_bytes() * 2
    answer = put(client)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "STORAGE_FULL")
    assert int(answer.headers["Retry-After"]) > 0
    assert not list(storage.spool().iterdir())


def test_the_same_request_again_is_answered_though_the_limit_is_reached(settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    parameters = submit.Parameters(assembly="tiny")
    runs = [
        submit.submit_run(
            upload=make_upload(), parameters=parameters, owner="", run_id="same", run_async=True
        )
        for _ in range(2)
    ]
    assert [created for _, created in runs] == [True, False]


def test_a_retry_counts_as_a_run_under_way(settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    failed = make_run(status=Status.FAILED)
    store_input(failed)
    make_run()
    with pytest.raises(VcfJobsError, match="limit of"):
        lifecycle.retry_run(failed)


def test_the_page_says_it_too(client: Client, settings: Settings) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = 1
    make_run()
    file = io.BytesIO(VCF)
    file.name = "a.vcf"
    answer = client.post("/", {"vcf": file, "assembly": "tiny"})
    assert answer.status_code == 429
    assert b"limit of" in answer.content
    assert Run.objects.count() == 1


def test_no_limit_is_no_query(settings: Settings, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    settings.ANYVAR_OWNER_MAX_RUNS = settings.ANYVAR_OWNER_MAX_BYTES = settings.ANYVAR_MAX_QUEUED_RUNS = 0
    with django_assert_num_queries(0):
        admission.require_room("", 0)
