"""What is told of a run that waits: its place, and how long it may take."""

from __future__ import annotations

import os
import uuid
from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run, make_running
from tests.web.page_text import markup
from vcfjobs.models import Run, Shard, Status, Worker
from vcfjobs.runs import estimates
from vcfjobs.worker import scheduler

pytestmark = [pytest.mark.django_db, pytest.mark.database]

MB = 10**6


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered of other tests."""
    monkeypatch.setattr(estimates, "_memory", estimates._Memory())


@pytest.fixture
def worker() -> Worker:
    """A worker that has just reported."""
    worker = Worker(node="w", host="h", pid=os.getpid(), version="1", concurrency=2, started=timezone.now())
    worker.report_in()
    return worker


def submit(owner: str = "a", **columns: object) -> Run:
    return make_run(owner=owner, queue_position=scheduler.next_position(owner), **columns)


def ended(size: int, start: float, end: float) -> Run:
    """A succeeded run, annotated from `start` to `end`, in seconds."""
    began = timezone.now() - timedelta(hours=1)
    times = {"started": began + timedelta(seconds=start), "finished": began + timedelta(seconds=end)}
    return make_run(status=Status.SUCCEEDED, input_bytes=size, **times)


def test_the_places_are_the_order_in_which_the_runs_are_claimed() -> None:
    runs = [submit(owner) for owner in "aaaabbacbb"]
    cut = submit("d")
    Run.objects.filter(pk=cut.pk).update(status=Status.RUNNING, attempt=1, shard_count=1)
    Shard.objects.create(run=cut, cut_attempt=1, number=0, start=0, end=1, attempt_limit=3)
    places = {run.pk: estimates.outlook_of(run).place for run in runs}
    assert sorted(place for place in places.values() if place) == list(range(1, 11))
    claimed = []
    while (item := scheduler.claim_next(uuid.uuid4().hex, "w")) is not None:
        if isinstance(item, Run):
            claimed.append(places[item.pk])
    assert claimed == list(range(1, 11))


def test_a_place_far_back_is_not_counted(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setattr(estimates, "MOST_COUNTED", 3)
    runs = [submit("") for _ in range(6)]
    assert [estimates.outlook_of(run).place for run in runs] == [1, 2, 3, 4, 4, 4]
    assert "More than 3 runs are before it" in markup(client.get(f"/jobs/{runs[-1].pk}/"))
    assert client.get(f"/runs/{runs[-1].pk}/").json()["queue_place"] == 4


def test_the_time_left_of_a_queued_run_is_that_of_what_is_before_it(worker: Worker) -> None:
    ended(10 * MB, 0, 10)  # 1 MB a second
    make_running(input_bytes=50 * MB, bytes_done=20 * MB)
    submit(input_bytes=5 * MB)
    run = submit(input_bytes=5 * MB)
    submit(input_bytes=500 * MB)
    place, seconds = estimates.outlook_of(run)
    assert place == 2
    assert seconds == pytest.approx(40, abs=1)


def test_workers_that_work_at_once_are_as_fast_as_together(worker: Worker) -> None:
    for start in (0, 1, 2, 100):  # 12 s in all with something to do
        ended(30 * MB, start, start + 4 if start < 100 else 106)
    run = submit(input_bytes=100 * MB)
    assert estimates.outlook_of(run).seconds_left == pytest.approx(10, abs=1)


def test_without_a_worker_there_is_a_place_and_no_time(client: Client) -> None:
    run = submit("")
    assert estimates.outlook_of(run) == (1, None)
    page = markup(client.get(f"/jobs/{run.pk}/"))
    assert "1st in the queue" in page
    assert "left" not in page


def test_place_and_time_left_are_on_the_page_and_in_the_api(client: Client, worker: Worker) -> None:
    ended(100 * MB, 0, 10)
    for _ in range(2):
        submit("", input_bytes=200 * MB)
    run = submit("", input_bytes=200 * MB)
    page = markup(client.get(f"/jobs/{run.pk}/status/?seen=queued"))
    assert "3rd in the queue" in page
    assert "about 1 min left" in page
    answer = client.get(f"/runs/{run.pk}/").json()
    assert (answer["queue_place"], answer["seconds_left"]) == (3, 61)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED])
def test_a_run_that_has_ended_has_neither_place_nor_time_left(client: Client, status: str) -> None:
    answer = client.get(f"/runs/{make_run(status=status, queue_position=0).pk}/").json()
    assert (answer["queue_place"], answer["seconds_left"]) == (None, None)


def test_a_running_run_has_a_time_left(client: Client) -> None:
    run = make_running(input_bytes=100, bytes_done=25, started=timezone.now() - timedelta(seconds=60))
    answer = client.get(f"/runs/{run.pk}/").json()
    assert (answer["queue_place"], answer["seconds_left"]) == (None, ANY)
    assert 180 <= answer["seconds_left"] <= 190


def test_a_poll_of_a_queued_run_is_two_queries(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    run = [submit("") for _ in range(3)][-1]
    estimates.remember_backlog()
    with django_assert_num_queries(2):  # the run, those before it
        client.get(f"/jobs/{run.pk}/status/?seen=queued")
