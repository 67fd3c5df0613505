"""The worker that joins a run's parts: what it logs, how it ends, and what others leave to it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings

from tests.worker.large_runs import dying_in, files, finish, lose, stored, text_of, turn
from vcfjobs import storage
from vcfjobs.log_context import RunFilter
from vcfjobs.models import Run, Shard, Status, WorkItem, retries
from vcfjobs.runs import lifecycle
from vcfjobs.worker import dispatch, executor, maintenance, sharding

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("broker", "tiny_assembly")]


def test_the_lines_of_a_join_carry_the_task_of_the_worker_that_joins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run, join, seen = stored(text_of()), sharding.join, []

    def noting(joined: Run, lease: Any) -> Any:
        record = logging.makeLogRecord({})
        RunFilter().filter(record)
        seen.append((vars(record)["task_id"], joined.task_id))
        return join(joined, lease)

    monkeypatch.setattr(sharding, "join", noting)
    for number in range(100):
        task_id = f"task-{number}"
        executor.execute_next(run.pk, storage.input_path(run.pk), task_id=task_id, worker="w")
        if seen:
            break
    assert seen == [(task_id, task_id)]
    assert Run.objects.get(pk=run.pk).task_id == task_id


def test_a_join_that_fails_is_how_the_work_on_the_last_shard_ends(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of().replace(b"chr1\t", b"chrUn\t").replace(b"chrM\t", b"chrUn\t"))
    ends = [turn(run)]
    while ends[-1] in ("cut into shards", "succeeded"):
        ends.append(turn(run))
    assert ends[-1] == "failed"
    run.refresh_from_db()
    assert run.status == Status.FAILED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, ZeroDivisionError])
def test_trouble_of_the_worker_that_cut_a_run_takes_nothing_from_the_one_that_joins_it(
    error: type[Exception], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both work under one attempt of the run."""
    settings.ANYVAR_SHARD_BYTES = 8_000
    run, enqueue = stored(text_of()), dispatch.enqueue

    def others_first(_: WorkItem) -> bool:
        monkeypatch.setattr(dispatch, "enqueue", enqueue)
        with dying_in(monkeypatch, storage, "publish"):  # in the midst of the join
            finish(run)
        raise error

    monkeypatch.setattr(dispatch, "enqueue", others_first)
    assert turn(run) == "lost"
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.RUNNING, 1)
    assert "1.part.gz" in files(run)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_retried_whole_repeats_no_allele_of_its_shards(settings: Settings) -> None:
    settings.ANYVAR_REGISTER = settings.ANYVAR_PROVENANCE = True
    settings.ANYVAR_SHARD_BYTES = 10**9
    whole = finish(stored(text_of()))
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    for _ in range(3):
        turn(run)
    assert run.batches.exists()
    lifecycle.cancel_run(run)
    settings.ANYVAR_SHARD_BYTES = 10**9
    lifecycle.retry_run(run)
    run = finish(run)
    assert (run.status, run.shard_count) == (Status.SUCCEEDED, 0)
    assert digests(run) == digests(whole)


def digests(run: Run) -> list[bytes]:
    return [bytes(batch.digests) for batch in run.batches.order_by("ordinal")]


def test_attempts_at_shards_are_still_counted_when_the_shards_are_gone(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    turn(run)
    shard = Shard.objects.claim_next(run.pk, "task", "celery@dead")
    assert shard is not None
    lose(shard)
    maintenance.take_back_lost()
    run = finish(run)
    assert not Shard.objects.exists()
    assert (run.attempt, run.shard_retries) == (1, 1)
    assert Run.objects.aggregate(count=retries())["count"] == 1
