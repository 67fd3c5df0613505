"""GET /vcf/{run_id}: pending, failed, gone, unknown; and waiting."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.factories import make_run, make_running
from vcfjobs.api import waiting
from vcfjobs.models import Run

pytestmark = pytest.mark.django_db


def test_a_pending_run_is_202_with_progress(client: Client) -> None:
    run = make_running(run_id="a", input_bytes=100, bytes_done=25, records_done=7)
    response = client.get("/vcf/a")
    assert response.status_code == 202
    assert response.json() == {
        "run_id": "a",
        "status": "PENDING",
        "status_message": "Run not completed. Check status at /vcf/a",
        "progress": 0.25,
        "records": 7,
    }
    assert int(response["Retry-After"]) >= 1
    assert client.get(f"/vcf/{run.pk}").status_code == 202


def test_a_poll_is_one_select_and_asks_no_broker(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **options: Any) -> None:
        raise AssertionError("a poll asked the broker or the result backend")

    monkeypatch.setattr("kombu.connection.Connection.connect", broken)
    monkeypatch.setattr("celery.app.base.Celery.backend", property(broken))
    make_run(run_id="a")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/vcf/a").status_code == 202
    assert [query["sql"].split()[0] for query in queries.captured_queries] == ["SELECT"]


def test_an_unknown_run_is_404_in_anyvars_shape(client: Client) -> None:
    response = client.get("/vcf/none")
    assert response.status_code == 404
    assert response.json() == {"run_id": "none", "status": "NOT_FOUND", "status_message": "Run not found"}


@pytest.mark.parametrize("status", [500, 422])
def test_a_failed_run_has_the_configured_status_and_its_code(
    client: Client, settings: Settings, status: int
) -> None:
    settings.ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE = status
    make_run(run_id="a", status="failed", error_code="RUN_FAILURE", error="bad", traceback="/secret/path")
    response = client.get("/vcf/a")
    assert response.status_code == status
    assert response.json() == {"error": "bad", "error_code": "RUN_FAILURE"}


def test_a_cancelled_run_is_410(client: Client) -> None:
    make_run(run_id="a", status="cancelled")
    response = client.get("/vcf/a")
    assert (response.status_code, response.json()["error_code"]) == (410, "CANCELLED")


def test_an_expired_run_is_410(client: Client, expired: Run) -> None:
    response = client.get(f"/vcf/{expired.run_id}")
    assert (response.status_code, response.json()["error_code"]) == (410, "EXPIRED")


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async, wait=10"}])
def test_a_waiting_poll_answers_when_the_run_ends(
    client: Client, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_running(run_id="a")

    def end_it(seconds: float) -> None:
        Run.objects.update(status="cancelled")

    monkeypatch.setattr(time, "sleep", end_it)
    response = client.get("/vcf/a" if headers else "/vcf/a?wait=10", headers=headers)
    assert response.status_code == 410


def test_a_waiting_poll_gives_up_when_its_time_is_over(client: Client) -> None:
    make_running(run_id="a")
    began = time.monotonic()
    assert client.get("/vcf/a?wait=0.3").status_code == 202
    assert 0.3 <= time.monotonic() - began < 10


def test_one_more_than_may_wait_is_answered_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    waiting._places.acquire()
    make_running(run_id="a")
    began = time.monotonic()
    assert client.get("/vcf/a?wait=30").status_code == 202
    assert time.monotonic() - began < 20


def test_a_wrong_wait_is_422(client: Client) -> None:
    make_run(run_id="a")
    assert client.get("/vcf/a?wait=soon").status_code == 422
