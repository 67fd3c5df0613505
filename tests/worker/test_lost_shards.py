"""A large run in shards ends well whatever is lost, cancelled or retried on the way."""

from __future__ import annotations

import gzip
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from tests.factories import make_running
from tests.worker.large_runs import (
    RECORDS,
    bgzf,
    dying_in,
    files,
    finish,
    lose,
    stored,
    text,
    text_of,
    turn,
)
from vcfjobs import storage
from vcfjobs.models import Run, Shard, Status
from vcfjobs.runs import lifecycle
from vcfjobs.worker import cleanup, dispatch, executor, maintenance, sharding

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("broker", "tiny_assembly")]


def test_the_result_is_the_same_whoever_was_lost(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    expected = finish(stored(text_of()))
    run = stored(text_of())
    turn(run)
    for number in (0, 3):  # claimed by workers that are never heard of again
        shard = Shard.objects.get(run=run, number=number)
        assert Shard.objects.claim(shard.pk, f"lost-{number}", "celery@dead")
        lose(shard)
    maintenance.take_back_lost()
    run = finish(run)
    assert text(run) == text(expected)


def test_a_joiner_that_is_lost_before_its_commit_costs_the_join_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())

    with dying_in(monkeypatch, Run, "succeed"):
        finish(run)
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Status.RUNNING, 1)
    attempts = list(run.shards.values_list("status", "attempt"))
    assert set(attempts) == {(Status.SUCCEEDED, 1)}
    assert "1.vcf.gz" in files(run)
    lose(run)
    maintenance.take_back_lost()
    run = finish(run)
    assert (run.status, run.attempt, run.records_done) == (Status.SUCCEEDED, 2, RECORDS)
    assert text(run).count(b"\n") == RECORDS + text(run).count(b"\n#") + 1


def test_a_worker_lost_before_it_recorded_the_shards_costs_the_cut_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(gzip.compress(text_of(9000)))
    with dying_in(monkeypatch, type(Shard.objects), "cut"):
        turn(run)
    lose(run)
    maintenance.take_back_lost()
    run = finish(run)
    assert (run.status, run.records_done) == (Status.SUCCEEDED, 9000)


def test_a_failed_run_is_cut_anew_by_a_retry(cut_run: Run, settings: Settings) -> None:
    turn(cut_run)
    cut_run.cancel()
    settings.ANYVAR_SHARD_BYTES = 9_000
    lifecycle.retry_run(cut_run)
    finish(cut_run)
    assert (cut_run.status, cut_run.records_done, cut_run.attempt) == (Status.SUCCEEDED, RECORDS, 2)


def test_cancelling_removes_the_parts_and_stops_the_shards(cut_run: Run) -> None:
    turn(cut_run)
    shard = Shard.objects.claim_next(cut_run.pk, "task", "w")
    assert shard is not None
    assert any(name.endswith(".shards") for name in files(cut_run))
    lifecycle.cancel_run(cut_run)
    assert files(cut_run) == ["input"]
    assert not shard.renew(0)
    assert not shard.succeed()
    assert turn(cut_run) == "nothing to do"


@pytest.mark.parametrize("when", ["before it looks", "after it looked"])
def test_who_tidies_up_late_takes_nothing_from_a_retry(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = stored(bgzf(text_of()))
    (storage.run_folder(run.pk) / "0.part.gz").touch()

    module, name = (cleanup, "tidy_up") if when == "before it looks" else (storage, "keep_input")
    tidy_up = getattr(module, name)

    def retried_meanwhile(*given: Any) -> None:
        monkeypatch.setattr(module, name, tidy_up)
        lifecycle.retry_run(run)
        finish(run)
        tidy_up(*given)

    monkeypatch.setattr(module, name, retried_meanwhile)
    lifecycle.cancel_run(run)
    done = finish(run)
    assert done.status == Status.SUCCEEDED
    assert text(done)
    assert files(done) == ["1.vcf.gz", "1.vcf.gz.gzi", "1.vcf.gz.tbi"]


def test_who_tidies_up_late_leaves_the_shards_of_a_retry(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 2000
    run = stored(bgzf(text_of()))
    keep_input = storage.keep_input

    def cut_meanwhile(*given: Any) -> None:
        monkeypatch.setattr(storage, "keep_input", keep_input)
        lifecycle.retry_run(run)
        turn(run)
        turn(run)
        keep_input(*given)

    monkeypatch.setattr(storage, "keep_input", cut_meanwhile)
    lifecycle.cancel_run(run)
    assert run.shards.filter(status=Status.SUCCEEDED).count() == 1
    assert finish(run).status == Status.SUCCEEDED


def test_a_shard_whose_run_was_cancelled_ends_as_lost_and_leaves_nothing(
    cut_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed = executor._succeed

    def cancelled_first(shard: Shard, columns: dict[str, Any]) -> None:
        lifecycle.cancel_run(cut_run)
        succeed(shard, columns)

    monkeypatch.setattr(executor, "_succeed", cancelled_first)
    assert turn(cut_run) == "lost"
    assert files(cut_run) == ["input"]


def test_a_zombies_shard_cannot_be_completed_over_anothers(cut_run: Run) -> None:
    zombie = Shard.objects.claim_next(cut_run.pk, "zombie", "w")
    assert zombie is not None
    lose(zombie)
    maintenance.take_back_lost()
    mine = Shard.objects.claim(zombie.pk, "mine", "w")
    assert mine is not None
    assert not zombie.renew(0)
    assert not zombie.succeed()
    assert mine.succeed()
    assert mine.run_to_join() is None


def test_a_shard_that_kills_its_workers_fails_its_run(cut_run: Run, settings: Settings) -> None:
    shard = cut_run.shards.get(number=2)
    for _ in range(settings.ANYVAR_RUN_MAX_ATTEMPTS):
        assert Shard.objects.claim(shard.pk, "t", "w")
        lose(shard)
        maintenance.take_back_lost()
    cut_run.refresh_from_db()
    assert (cut_run.status, cut_run.error_code) == (Status.FAILED, "WORKER_LOST_ERROR")
    maintenance.drop_shards()
    assert files(cut_run) == ["input"]
    assert not Shard.objects.exists()


def test_a_shard_over_its_deadline_ends_its_run_as_too_long(cut_run: Run) -> None:
    assert cut_run.deadline is None  # a shard has one, however many there are
    shard = Shard.objects.claim_next(cut_run.pk, "t", "w")
    assert shard is not None
    maintenance.end_overdue()
    cut_run.refresh_from_db()
    assert cut_run.status == Status.RUNNING
    Shard.objects.filter(pk=shard.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    maintenance.end_overdue()
    cut_run.refresh_from_db()
    assert cut_run.error_code == "TIME_LIMIT_EXCEEDED"


@pytest.mark.parametrize(("requeue", "status"), [(False, Status.FAILED), (True, Status.RUNNING)])
def test_a_dead_child_takes_its_shard_along_as_the_setting_says(
    requeue: bool, status: str, settings: Settings, broker: list[tuple[str, list[str]]]
) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    settings.REQUEUE_WHEN_CHILD_LOST = requeue
    run = stored(text_of())
    turn(run)
    run.refresh_from_db()
    maintenance.child_lost(run.task_id, run.worker, over_limit=False)  # it died right after the cut
    run.refresh_from_db()
    assert run.status == Status.RUNNING
    shard = Shard.objects.claim_next(run.pk, "task", "celery@here")
    assert shard is not None
    broker.clear()
    maintenance.child_lost("task", "celery@here", over_limit=False)
    run.refresh_from_db()
    assert run.status == status
    sent = (dispatch.WORK_ON_NEXT, [str(run.pk), str(storage.input_path(run.pk))])
    assert (sent in broker) == requeue


def test_a_run_without_a_lease_is_not_lost_while_its_shards_are_under_way(cut_run: Run) -> None:
    maintenance.sweep()
    cut_run.refresh_from_db()
    assert (cut_run.status, cut_run.lease_until, cut_run.attempt) == (Status.RUNNING, None, 1)


def test_shards_that_the_broker_did_not_take_are_sent_by_the_sweep(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, broker: list[tuple[str, list[str]]]
) -> None:
    settings.ANYVAR_SHARD_BYTES = 4_000
    run = stored(text_of())
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "publish", lambda *_: False)
        turn(run)
    assert not run.shards.exclude(sent=None).exists()
    maintenance.send_unsent()
    assert len(broker) == run.shards.count()
    assert not run.shards.filter(sent=None).exists()


def test_a_run_of_a_request_that_died_is_given_to_the_workers() -> None:
    run = make_running(queue_position=None)
    lose(run)
    maintenance.take_back_lost()
    maintenance.send_unsent()
    run.refresh_from_db()
    assert (run.status, run.queue_position) == (Status.QUEUED, 0)


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_leaves_the_piece_to_the_sweep_and_fails_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    turn(run)

    def away(*_: object) -> None:
        raise OperationalError("the database system is shutting down")

    for broken in ("annotate_shard", "join"):
        with monkeypatch.context() as patch:
            patch.setattr(sharding, broken, away)
            for _ in range(20):
                if turn(run) == "lost" or broken == "join":
                    run.refresh_from_db()
                    if run.lease_until is not None or broken == "annotate_shard":
                        break
        run.refresh_from_db()
        assert run.status == Status.RUNNING
        for each in (run, *run.shards.filter(status=Status.RUNNING)):
            if each.lease_until is not None:
                lose(each)
        maintenance.take_back_lost()
    run = finish(run)
    assert (run.status, run.records_done) == (Status.SUCCEEDED, RECORDS)


def test_shards_whose_record_was_not_heard_of_are_recorded_once(settings: Settings) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    mine = Run.objects.claim(run.pk, "t", "w")
    assert mine is not None
    ranges = [(0, 20_000), (20_000, len(text_of()))]
    storage.make_shard_folder(run.pk, 1)
    first = Shard.objects.cut(mine, ranges)
    taken = Shard.objects.claim_next(run.pk, "fast", "w")
    part = storage.shard_path(run.pk, 1, 0, 1)
    part.write_bytes(b"being written")
    storage.make_shard_folder(run.pk, 1)
    assert Shard.objects.cut(mine, ranges) == first
    assert part.exists()
    assert taken is not None
    assert taken.renew(0)


def test_a_run_that_was_lost_before_its_shards_were_recorded_leaves_no_folder(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    make_shard_folder = storage.make_shard_folder

    def cancelled_first(pk: uuid.UUID, cut_attempt: int) -> None:
        run.cancel()
        make_shard_folder(pk, cut_attempt)

    monkeypatch.setattr(storage, "make_shard_folder", cancelled_first)
    assert turn(run) == "lost"
    assert files(run) == ["input"]


def test_trouble_after_the_cut_does_not_fail_the_run(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "enqueue", lambda _: 1 / 0)
        turn(run)
    run.refresh_from_db()
    assert (run.status, run.shards.count()) == (Status.RUNNING, run.shard_count)
    assert finish(run).status == Status.SUCCEEDED


def test_workers_that_were_away_for_long_are_lost_and_not_slow(cut_run: Run) -> None:
    shard = Shard.objects.claim_next(cut_run.pk, "t", "w")
    assert shard is not None
    past = timezone.now() - timedelta(hours=2)
    Shard.objects.filter(pk=shard.pk).update(lease_until=past, deadline=past)
    maintenance.sweep()
    assert finish(cut_run).status == Status.SUCCEEDED


def test_a_worker_lost_while_it_recompressed_leaves_nothing_when_the_run_is_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(gzip.compress(text_of(9000)))
    with dying_in(monkeypatch, storage, "publish"):
        turn(run)
    assert "1.input.part" in files(run)
    lose(run)
    maintenance.take_back_lost()
    run = finish(run)
    assert files(run) == [f"2.vcf.gz{end}" for end in ("", ".gzi", ".tbi")]


def test_a_lost_join_goes_on_though_the_disk_is_nearly_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_SHARD_BYTES = 8_000
    run = stored(text_of())
    with dying_in(monkeypatch, sharding, "join"):
        finish(run)
    run.refresh_from_db()
    lose(run)
    maintenance.take_back_lost()
    settings.ANYVAR_MIN_FREE_BYTES = storage.free_bytes() * 10
    assert finish(run).status == Status.SUCCEEDED
