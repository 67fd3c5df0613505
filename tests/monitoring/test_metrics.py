"""GET /metrics: the figures are those of the rows, cheaply, and only for who may see them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from tests.conftest import PROJECT
from tests.factories import make_run, make_running
from tests.servers import wait_until
from vcfjobs import storage
from vcfjobs.models import Notification, Run, Shard, Status, Worker
from vcfjobs.worker import dispatch

pytestmark = [pytest.mark.django_db, pytest.mark.database]

Figures = Callable[..., float]

HISTOGRAMS = {"vrs_last_day_queue_wait_seconds", "vrs_last_day_run_seconds"}


@pytest.fixture(autouse=True)
def _broker_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "waiting", lambda: 3)


@pytest.fixture
def figure(client: Client) -> Figures:
    """The value of a sample now, by its name and labels; KeyError when there is none."""

    def read(name: str, **labels: str) -> float:
        return samples(client)[name, frozenset(labels.items())]

    return read


def samples(client: Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics")
    assert response.status_code == 200, response.content
    text = response.content.decode()
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            labels = frozenset((name, value) for name, value in sample.labels.items() if value)
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def ago(**units: float) -> Any:
    return timezone.now() - timedelta(**units)


def make_ended(status: str = Status.SUCCEEDED, *, waited: float = 2, took: float = 10, **columns: Any) -> Run:
    """A run that ended a minute ago, unless told otherwise."""
    finished = columns.pop("finished", ago(minutes=1))
    started = finished - timedelta(seconds=took)
    created = columns.pop("created", started - timedelta(seconds=waited))
    values = {"attempt": 1, "started": started, "finished": finished, "created": created}
    return make_run(status=status, **(values | columns))


def make_shard(run: Run, number: int, **columns: Any) -> Shard:
    return Shard.objects.create(
        run=run, cut_attempt=1, number=number, start=number, end=number + 1, attempt_limit=3, **columns
    )


def test_it_is_prometheus_text(client: Client) -> None:
    response = client.get("/metrics")
    assert response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(response.content.decode())}
    assert all(name.startswith("vrs_") for name in families)
    assert families["vrs_last_day_run_seconds"].type == "histogram"


def test_an_empty_service_has_zeros_not_gaps(figure: Figures) -> None:
    assert [figure("vrs_runs", status=status) for status in Status.values] == [0] * 5
    assert figure("vrs_oldest_queued_seconds") == 0
    assert figure("vrs_last_hour_runs", status="failed", error_code="WORKER_LOST_ERROR") == 0
    assert figure("vrs_last_day_queue_wait_seconds_gcount") == 0
    assert figure("vrs_records_per_second") == 0
    assert figure("vrs_stored_bytes", kind="input") == 0


def test_runs_and_shards_are_counted_by_status(figure: Figures) -> None:
    run = make_running()
    make_run()
    make_run()
    make_ended()
    make_shard(run, 0, status=Status.SUCCEEDED)
    make_shard(run, 1)
    counts = {status: figure("vrs_runs", status=status) for status in Status.values}
    assert counts == {"queued": 2, "running": 1, "succeeded": 1, "failed": 0, "cancelled": 0}
    assert figure("vrs_shards", status="queued") == 1
    assert figure("vrs_shards", status="succeeded") == 1


def test_the_oldest_queued_run_counts_and_no_running_one(figure: Figures) -> None:
    make_run(created=ago(seconds=100))
    make_run(created=ago(seconds=10))
    make_running(created=ago(seconds=5000))
    assert figure("vrs_oldest_queued_seconds") == pytest.approx(100, abs=20)


def test_leases_that_are_over_are_counted_and_others_not(figure: Figures) -> None:
    run = make_running(lease_until=None)
    make_running()
    make_running(lease_until=ago(seconds=1))
    make_run(lease_until=ago(seconds=1))
    make_shard(run, 0, status=Status.RUNNING, lease_until=ago(seconds=1))
    make_shard(run, 1, status=Status.RUNNING, lease_until=ago(seconds=-60))
    assert figure("vrs_expired_leases", piece="run") == 1
    assert figure("vrs_expired_leases", piece="shard") == 1


def test_retries_are_the_attempts_beyond_the_first(figure: Figures) -> None:
    run = make_running(attempt=3)
    make_run(attempt=1)
    make_run()
    make_shard(run, 0, attempt=2)
    make_ended(attempt=4)
    assert figure("vrs_retries", piece="run") == 2
    assert figure("vrs_retries", piece="shard") == 1
    assert figure("vrs_last_day_retries") == 3


def test_a_retried_shard_is_still_counted_when_its_run_has_ended(figure: Figures) -> None:
    run = make_running(lease_until=None, shard_count=1)
    shard = make_shard(run, 0, attempt=1)
    assert Shard.objects.claim(shard.pk, "task", "worker")
    assert run.cancel()
    shard.delete()  # as the sweep does
    assert figure("vrs_last_day_retries") == 1


def test_workers_are_counted_by_whether_they_report_in(figure: Figures) -> None:
    assert (figure("vrs_workers", state="alive"), figure("vrs_workers", state="silent")) == (0, 0)
    for node, seen in (("a", ago(seconds=1)), ("b", ago(seconds=30)), ("c", ago(minutes=5))):
        Worker.objects.create(node=node, host="h", pid=1, version="1", concurrency=1, started=seen, seen=seen)
    assert (figure("vrs_workers", state="alive"), figure("vrs_workers", state="silent")) == (2, 1)


def test_ended_runs_are_counted_by_how_in_the_last_hour_and_day(figure: Figures) -> None:
    make_ended(Status.FAILED, error_code="RUN_FAILURE")
    make_ended(Status.FAILED, error_code="WORKER_LOST_ERROR", finished=ago(hours=3))
    make_ended(records_done=7)
    make_ended(records_done=5, finished=ago(hours=23))
    make_ended(Status.CANCELLED)
    make_ended(finished=ago(hours=25))
    make_ended(Status.FAILED, error_code="TIME_LIMIT_EXCEEDED", created=ago(days=9))
    failed = {"status": "failed", "error_code": "WORKER_LOST_ERROR"}
    assert figure("vrs_last_hour_runs", status="succeeded") == 1
    assert figure("vrs_last_day_runs", status="succeeded") == 2
    assert figure("vrs_last_hour_runs", status="cancelled") == 1
    assert figure("vrs_last_hour_runs", status="failed", error_code="RUN_FAILURE") == 1
    late = {"status": "failed", "error_code": "TIME_LIMIT_EXCEEDED"}
    assert figure("vrs_last_hour_runs", **late) == 1  # whenever it was submitted
    assert (figure("vrs_last_hour_runs", **failed), figure("vrs_last_day_runs", **failed)) == (0, 1)
    assert figure("vrs_last_day_records") == 12


def test_waits_and_run_times_are_histograms_of_the_last_day(figure: Figures) -> None:
    make_ended(waited=2, took=10)
    make_ended(Status.FAILED, waited=100, took=0.3)
    make_ended(Status.CANCELLED, waited=7000)
    make_ended(Status.FAILED, started=None)
    make_ended(finished=ago(hours=25))
    wait, took = "vrs_last_day_queue_wait_seconds", "vrs_last_day_run_seconds"
    assert [figure(f"{wait}_bucket", le=le) for le in ("1.0", "5.0", "60.0", "300.0", "+Inf")] == [
        0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert [figure(f"{took}_bucket", le=le) for le in ("0.1", "0.5", "5.0", "15.0", "+Inf")] == [
        0, 1, 1, 2, 2,
    ]  # fmt: skip
    assert figure(f"{wait}_gsum") == pytest.approx(102, abs=0.1)
    assert figure(f"{took}_gsum") == pytest.approx(10.3, abs=0.1)
    assert figure(f"{wait}_gcount") == figure(f"{took}_gcount") == 2


def test_speed_counts_what_lies_within_the_last_five_minutes(figure: Figures) -> None:
    make_ended(records_done=3000)
    make_ended(records_done=9999, finished=ago(minutes=6))
    assert figure("vrs_records_per_second") == pytest.approx(10)
    # Ten minutes long and half of it within the window; one that runs since a moment counts as a whole.
    make_ended(records_done=60_000, took=600, finished=timezone.now())
    make_running(records_done=600, started=ago(seconds=30))
    make_running(records_done=6000, started=ago(minutes=10))
    assert figure("vrs_records_per_second") == pytest.approx(10 + 100 + 2 + 10, rel=0.05)


def test_stored_bytes_are_those_of_the_files_that_are_kept(figure: Figures) -> None:
    make_run(input_bytes=100)
    make_ended(Status.FAILED, input_bytes=20)
    make_ended(input_bytes=5000, result_bytes=7)
    make_ended(input_bytes=5000, result_bytes=9999, expired=timezone.now())
    assert figure("vrs_stored_bytes", kind="input") == 120
    assert figure("vrs_stored_bytes", kind="result") == 7


def test_the_disk_the_broker_and_the_registry(figure: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "free_bytes", lambda: 12_345)
    assert figure("vrs_work_directory_free_bytes") == 12_345
    assert (figure("vrs_broker_up"), figure("vrs_broker_messages")) == (1, 3)
    assert figure("vrs_registered_alleles") == 0


def test_a_work_directory_that_is_gone_is_left_out(client: Client, settings: Settings) -> None:
    settings.ANYVAR_VCF_ASYNC_WORK_DIR = settings.ANYVAR_VCF_ASYNC_WORK_DIR / "nowhere"
    assert "vrs_work_directory_free_bytes" not in {name for name, _ in samples(client)}


def broken() -> int:
    raise ZeroDivisionError


@pytest.mark.parametrize("answer", [lambda: None, broken], ids=["silent", "broken"])
def test_a_broker_that_does_not_answer_is_down_and_has_no_messages(
    client: Client, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], int | None]
) -> None:
    monkeypatch.setattr(dispatch, "waiting", answer)
    found = samples(client)
    assert found["vrs_broker_up", frozenset()] == 0
    assert "vrs_broker_messages" not in {name for name, _ in found}


def test_a_broker_that_hangs_holds_no_scrape_up(
    client: Client, figure: Figures, hung_broker: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one thread more wait for it with each scrape."""
    monkeypatch.setattr(dispatch, "BROKER_SECONDS", 0.3)
    began = time.monotonic()
    assert [figure("vrs_broker_up") for _ in range(3)] == [0, 0, 0]
    assert time.monotonic() - began < 15
    assert [thread.name for thread in threading.enumerate()].count("broker-messages") == 1
    hung_broker.set()
    wait_until(lambda: not dispatch._asking.locked(), "the broker answers")
    assert figure("vrs_broker_up") == 1


def test_nobody_waits_for_the_broker_longer_than_two_seconds() -> None:
    assert dispatch.BROKER_SECONDS <= 2


def queries(client: Client) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        samples(client)
    return len(captured)


def test_queries_are_eleven_at_most_however_many_runs_there_are(client: Client) -> None:
    before = queries(client)
    assert before <= 11
    for number in range(30):
        make_ended()
        make_ended(Status.FAILED, error_code="RUN_FAILURE")
        make_shard(make_running(owner=f"o{number}"), 0)
        make_run()
    assert queries(client) == before


def test_notifications_that_are_not_delivered_are_counted(figure: Figures) -> None:
    states: list[dict[str, Any]] = [
        {"next_at": timezone.now()},
        {"next_at": None, "delivered": timezone.now()},
        *[{"next_at": None}] * 2,
    ]
    for columns in states:
        Notification.objects.create(run=make_ended(), address="https://x.org", payload={}, **columns)
    assert figure("vrs_notifications", state="waiting") == 1
    assert figure("vrs_notifications", state="given_up") == 2


def test_no_owner_run_or_file_is_named(client: Client) -> None:
    make_ended(owner="token:0123456789abcdef", run_id="patient-7", file_name="patient-7.vcf")
    make_running(owner="user:77", run_id="patient-8", worker="celery@host7")
    text = client.get("/metrics").content.decode()
    assert not any(word in text for word in ("token:", "user:", "patient", "host7", "tiny"))


def test_the_alarms_of_the_docs_name_what_there_is(client: Client) -> None:
    text = (PROJECT / "docs" / "operations.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    rules = [rule for block in blocks for group in block.get("groups", ()) for rule in group["rules"]]
    assert len(rules) > 5
    assert all(f"| {rule['alert']} |" in text for rule in rules)
    assert set(re.findall(r"\bvrs_\w+", text)) <= {name for name, _ in samples(client)} | HISTOGRAMS
    labels = {pair for _, found in samples(client) for pair in found}
    assert (
        set(re.findall(r'(\w+)="(\w+)"', " ".join(rule["expr"] for rule in rules))) - {("job", "vrs")}
        <= labels
    )


def test_a_closed_service_asks_for_a_token(client: Client, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    refused = client.get("/metrics")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert b"vrs_" not in refused.content
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


@pytest.mark.parametrize(("staff", "status"), [(True, 200), (False, 403)])
def test_of_those_signed_in_staff_alone_sees_them(
    client: Client, settings: Settings, staff: bool, status: int
) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    client.force_login(User.objects.create_user("ada", is_staff=staff))
    assert client.get("/metrics").status_code == status
