"""What dies is found: lost, overdue, unsent and expired runs, and files that nobody owns."""

from __future__ import annotations

import os
import time
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery.exceptions import WorkerLostError
from celery.worker import state
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_results.models import TaskResult
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.models import Run, Status, Worker
from vcfjobs.vrs import kernel
from vcfjobs.worker import bootstep, dispatch, maintenance

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAST = timedelta(seconds=-1)


def status_of(run: Run) -> str:
    return Run.objects.get(pk=run.pk).status


def test_a_run_of_a_lost_worker_is_queued_again() -> None:
    run = make_running(lease_until=timezone.now() + PAST)
    maintenance.take_back_lost()
    assert status_of(run) == Status.QUEUED


def test_a_run_under_a_valid_lease_is_left_alone() -> None:
    run = make_running()
    maintenance.take_back_lost()
    assert status_of(run) == Status.RUNNING


def test_a_lost_run_without_attempts_left_fails_as_worker_lost() -> None:
    run = make_running(lease_until=timezone.now() + PAST, attempt=3, attempt_limit=3)
    maintenance.take_back_lost()
    run.refresh_from_db()
    assert (run.status, run.error_code) == (Status.FAILED, "WORKER_LOST_ERROR")


def test_a_run_over_its_deadline_fails_though_its_lease_is_renewed() -> None:
    run = make_running(deadline=timezone.now() + PAST)
    maintenance.end_overdue()
    run.refresh_from_db()
    assert (run.status, run.error_code) == (Status.FAILED, "TIME_LIMIT_EXCEEDED")


def test_a_queued_run_that_was_never_sent_is_sent_once(broker: list[tuple[str, list[str]]]) -> None:
    run = make_run()
    maintenance.send_unsent()
    maintenance.send_unsent()
    assert broker == [(dispatch.WORK_ON_NEXT, [str(run.pk), str(storage.input_path(run.pk))])]


def test_an_old_message_is_sent_again_only_when_the_broker_holds_too_few(
    broker: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        make_run(sent=timezone.now() - timedelta(seconds=600))
    monkeypatch.setattr(dispatch, "waiting", lambda: 3)
    maintenance.send_unsent()
    assert broker == []
    monkeypatch.setattr(dispatch, "waiting", lambda: 1)
    maintenance.send_unsent()
    assert len(broker) == 2


def test_a_message_that_was_lost_is_sent_again_whatever_clock_wrote_when(
    broker: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(sent=Now())  # as a submit does, on the database's clock
    monkeypatch.setattr(maintenance, "SEND_AGAIN_SECONDS", -1)
    monkeypatch.setattr(dispatch, "waiting", lambda: 0)
    maintenance.send_unsent()
    assert len(broker) == 1


def test_a_lease_that_ends_between_two_steps_is_not_taken_for_the_last_attempt() -> None:
    run = make_running(lease_until=timezone.now() + PAST)
    lost = Run.objects.filter(pk=run.pk)
    maintenance.take_back_lost()
    assert lost.get().status == Status.QUEUED
    make_running(lease_until=timezone.now() + PAST, attempt=3, attempt_limit=3)
    maintenance.take_back_lost()
    assert Run.objects.filter(status=Status.FAILED).count() == 1


def test_a_run_stays_unsent_when_the_broker_does_not_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "publish", lambda task, args: False)
    run = make_run()
    maintenance.send_unsent()
    assert Run.objects.get(pk=run.pk).sent is None


def test_an_expired_run_loses_its_files_and_keeps_its_row() -> None:
    run = make_run(status=Status.SUCCEEDED, expires=timezone.now() + PAST)
    store_input(run)
    maintenance.expire()
    run.refresh_from_db()
    assert run.expired is not None
    assert not storage.run_folder(run.pk).exists()


def test_files_of_a_run_that_has_not_expired_stay() -> None:
    run = make_run(status=Status.FAILED, expires=timezone.now() + timedelta(seconds=60))
    store_input(run)
    maintenance.expire()
    assert storage.has_input(run.pk)


def test_a_folder_without_a_row_goes_after_a_day_and_one_with_a_row_stays() -> None:
    owned = make_run()
    store_input(owned)
    orphan, young = uuid.uuid4(), uuid.uuid4()
    for pk in (orphan, young):
        storage.run_folder(pk).mkdir()
    two_days_ago = time.time() - 2 * 86_400
    for pk in (orphan, owned.pk):
        os.utime(storage.run_folder(pk), (two_days_ago, two_days_ago))
    maintenance.drop_orphans()
    assert not storage.run_folder(orphan).exists()
    assert storage.run_folder(young).exists()
    assert storage.has_input(owned.pk)


def test_the_input_that_a_killed_worker_left_of_a_success_goes_and_its_result_stays() -> None:
    run = make_run(status=Status.SUCCEEDED, attempt=2)
    store_input(run)
    storage.result_path(run.pk, 2).write_bytes(b"x")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(storage.run_folder(run.pk), (two_days_ago, two_days_ago))
    maintenance.drop_orphans()
    assert [path.name for path in storage.run_folder(run.pk).iterdir()] == ["2.vcf.gz"]


def test_what_could_not_be_removed_when_a_run_expired_goes_later() -> None:
    run = make_run(status=Status.FAILED, expired=timezone.now())
    store_input(run)
    two_days_ago = time.time() - 2 * 86_400
    os.utime(storage.run_folder(run.pk), (two_days_ago, two_days_ago))
    maintenance.drop_orphans()
    assert not storage.run_folder(run.pk).exists()


def test_orphans_are_found_however_many_folders_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "BATCH", 2)
    two_days_ago = time.time() - 2 * 86_400
    owned = make_run()
    for pk in [owned.pk, *(uuid.uuid4() for _ in range(5))]:
        storage.run_folder(pk).mkdir()
        os.utime(storage.run_folder(pk), (two_days_ago, two_days_ago))
    maintenance.drop_orphans()
    assert list(storage.run_folders()) == [owned.pk]


def test_an_abandoned_upload_goes_after_a_day() -> None:
    stale, fresh = storage.spool() / "a", storage.spool() / "b"
    for path in (stale, fresh):
        path.write_bytes(b"x")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(stale, (two_days_ago, two_days_ago))
    maintenance.drop_stale_uploads()
    assert (stale.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize(
    ("requeue", "attempt", "status", "code"),
    [
        (False, 1, Status.FAILED, "WORKER_LOST_ERROR"),
        (True, 1, Status.QUEUED, ""),
        (True, 3, Status.FAILED, "WORKER_LOST_ERROR"),
    ],
)
def test_a_dead_child_fails_or_requeues_its_run_as_the_setting_says(
    settings: Settings,
    broker: list[tuple[str, list[str]]],
    requeue: bool,
    attempt: int,
    status: str,
    code: str,
) -> None:
    settings.REQUEUE_WHEN_CHILD_LOST = requeue
    run = make_running(attempt=attempt)
    maintenance.child_lost(run.task_id, "celery@here", over_limit=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (status, code)
    assert len(broker) == (status == Status.QUEUED)


@pytest.mark.usefixtures("tiny_assembly")
def test_a_run_whose_child_died_while_a_sequence_is_damaged_fails_with_the_damage(settings: Settings) -> None:
    run = make_running()
    for path in settings.ANYVAR_SEQUENCE_DIR.glob("SQ.*"):
        os.truncate(path, 1)
    maintenance.child_lost(run.task_id, "celery@here", over_limit=False)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (Status.FAILED, "RUN_FAILURE")
    assert "manage.py load_reference tiny" in run.error


def test_a_dead_child_of_another_worker_does_not_end_the_run() -> None:
    run = make_running()
    maintenance.child_lost(run.task_id, "celery@elsewhere", over_limit=False)
    assert status_of(run) == Status.RUNNING


def test_a_child_killed_over_the_hard_limit_ends_its_run_as_too_long() -> None:
    run = make_running()
    maintenance.child_lost(run.task_id, "celery@here", over_limit=True)
    assert Run.objects.get(pk=run.pk).error_code == "TIME_LIMIT_EXCEEDED"


@pytest.mark.parametrize("pool", ["threads", "celery.concurrency.gevent:TaskPool", "eventlet"])
def test_a_pool_without_time_limits_refuses_to_start(pool: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit):
        bootstep.refuse_wrong_setup(pool)
    assert "prefork and solo" in caplog.text


@pytest.mark.parametrize("module", ["celery.concurrency.prefork", "celery.concurrency.solo"])
def test_prefork_and_solo_start(module: str) -> None:
    bootstep.refuse_wrong_setup(SimpleNamespace(__module__=module))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OSError, OperationalError, ZeroDivisionError])
def test_a_step_that_fails_in_whatever_way_does_not_keep_the_others_from_running(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr(maintenance, "STEPS", (broken, *maintenance.STEPS))
    run = make_running(lease_until=timezone.now() + PAST)
    maintenance.sweep()
    assert status_of(run) == Status.QUEUED
    assert "broken failed, the next round tries again" in caplog.text


def test_a_run_that_fails_for_lost_workers_keeps_its_input_alone() -> None:
    run = make_running(attempt=3)
    folder = store_input(run).parent
    for left in ("1.part.gz", "2.part.gz", "3.part.gz.gzi"):
        (folder / left).write_bytes(b"half")
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    maintenance.take_back_lost()
    assert status_of(run) == Status.FAILED
    assert [path.name for path in folder.iterdir()] == ["input"]


def make_worker(node: str = "celery@here", pid: int = 7, **columns: object) -> Worker:
    return Worker(node=node, host="h", pid=pid, version="1", concurrency=2, started=timezone.now(), **columns)


def test_a_worker_that_reports_in_has_one_row_and_is_seen_anew(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1):
        make_worker().report_in()
    Worker.objects.update(seen=timezone.now() - timedelta(seconds=90))
    assert Worker.objects.get().is_silent
    make_worker(pid=8).report_in()
    assert Worker.objects.get().pid == 8  # restarted under the same name
    assert not Worker.objects.get().is_silent


def test_a_worker_that_ends_in_order_leaves_no_row_but_its_successor_keeps_its_own() -> None:
    first, second = make_worker(pid=7), make_worker(pid=8)
    first.report_in()
    second.report_in()
    first.sign_out()
    assert Worker.objects.get().pid == 8
    second.sign_out()
    assert not Worker.objects.exists()


def test_a_worker_is_forgotten_after_a_day_of_silence() -> None:
    for node, hours in (("celery@gone", 25), ("celery@quiet", 23)):
        make_worker(node).report_in()
        Worker.objects.filter(node=node).update(seen=timezone.now() - timedelta(hours=hours))
    maintenance.sweep()
    assert Worker.objects.get().node == "celery@quiet"


def test_results_that_celery_kept_go_once_they_are_old(settings: Settings) -> None:
    for task_id, seconds in (("old", settings.CELERY_RESULT_EXPIRES + 60), ("young", 60)):
        TaskResult.objects.create(task_id=task_id)
        TaskResult.objects.filter(task_id=task_id).update(
            date_done=timezone.now() - timedelta(seconds=seconds)
        )
    maintenance.sweep()
    assert TaskResult.objects.get().task_id == "young"


@pytest.mark.parametrize(("loaded", "lines"), [(True, 1), (False, 0)])
def test_a_worker_logs_at_its_start_that_its_kernel_is_ready(
    loaded: bool, lines: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernel, "load", lambda: loaded)
    with caplog.at_level("INFO"):
        bootstep.load_kernel()
    assert caplog.text.count("annotation kernel ready after") == lines


def test_orphans_are_looked_for_once_an_hour(
    step: bootstep.SweepStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert step._seldom() == []
    now += 3601
    assert step._seldom() == [maintenance.drop_orphans]
    assert step._seldom() == []


@pytest.mark.parametrize(("stopping", "status"), [(None, Status.FAILED), (0, Status.QUEUED)])
def test_a_child_that_goes_while_its_worker_is_stopped_is_no_fault_of_the_run(
    step: bootstep.SweepStep,
    monkeypatch: pytest.MonkeyPatch,
    broker: object,
    stopping: int | None,
    status: str,
) -> None:
    """A signal to the whole process group, as a terminal's, honcho's or a scheduler's."""
    monkeypatch.setattr(connection, "close", lambda: None)  # of the test's own transaction
    run = make_running(task_id="t", worker="celery@here")
    monkeypatch.setattr(state, "should_stop", stopping)
    step._on_task_failure(WorkerLostError(), task_id="t")
    assert status_of(run) == status
