"""What a worker does with one run, and what it leaves behind."""

from __future__ import annotations

import gzip
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pysam
import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from tests.factories import HEADER, VCF, make_run, make_running, store_input
from tests.servers import wait_until
from tests.worker.large_runs import files
from vcfjobs import storage
from vcfjobs.errors import RunLostError
from vcfjobs.models import Run, Status
from vcfjobs.worker import annotation, cleanup, executor
from vcfjobs.worker.executor import Outcome
from vcfjobs.worker.lease import Lease

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def work(run: Run) -> Run:
    executor.run(run.pk, task_id="task", worker="celery@here")
    run.refresh_from_db()
    return run


def test_a_run_ends_with_an_indexed_result_and_without_its_input(queued: Run) -> None:
    run = work(queued)
    assert run.status == Status.SUCCEEDED
    assert files(run) == ["1.vcf.gz", "1.vcf.gz.gzi", "1.vcf.gz.tbi"]
    assert run.indexed
    result = storage.result_path(run.pk, 1)
    text = gzip.decompress(result.read_bytes())
    assert (run.result_bytes, run.result_text_bytes) == (result.stat().st_size, len(text))
    assert (run.records_done, run.without_ids_sentence) == (3, "")
    assert text.count(b"VRS_Allele_IDs=ga4gh:VA.") == 3
    with pysam.TabixFile(str(result)) as indexed:
        assert len(list(indexed.fetch("chr1", 0, 30))) == 2


def test_records_without_identifiers_are_counted(tiny_assembly: str) -> None:
    run = make_run(queue_position=0)
    unknown, mismatch, good = "chrUn\t1\t.\tA\tC", "chr1\t1\t.\tG\tC", "chr1\t2\t.\tC\t<DEL>,A"
    store_input(run, (HEADER + "".join(f"{row}\t.\t.\t.\n" for row in (unknown, mismatch, good))).encode())
    run = work(run)
    assert run.records_without_ids == 2
    assert run.without_ids_sentence == "2 of 3 records without identifiers"


def test_a_message_delivered_twice_runs_once(queued: Run) -> None:
    work(queued)
    before = storage.result_path(queued.pk, 1).read_bytes()
    answer = executor.run(queued.pk, task_id="task", worker="w")
    assert answer == "nothing to do"
    queued.refresh_from_db()
    assert queued.attempt == 1
    assert storage.result_path(queued.pk, 1).read_bytes() == before


def test_a_result_that_is_published_stays_whatever_fails_afterwards(
    queued: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(storage, "keep_result", broken)
    run = work(queued)
    assert run.status == Status.SUCCEEDED
    assert storage.result_path(run.pk, 1).is_file()


def test_an_error_after_the_last_update_neither_fails_the_run_nor_removes_its_result(
    queued: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    succeed = executor._succeed

    def lost_answer(mine: Run, columns: dict[str, Any]) -> None:
        succeed(mine, columns)
        raise ZeroDivisionError

    monkeypatch.setattr(executor, "_succeed", lost_answer)
    assert work(queued).status == Status.SUCCEEDED
    assert storage.result_path(queued.pk, 1).is_file()


@pytest.mark.django_db(transaction=True)
def test_the_input_is_removed_though_the_database_was_away_for_a_moment(
    queued: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tidy_up = cleanup.tidy_up
    answers = iter([OperationalError("terminating connection")])

    def away_once(pk: UUID) -> None:
        for error in answers:
            raise error
        tidy_up(pk)

    monkeypatch.setattr(cleanup, "tidy_up", away_once)
    assert work(queued).status == Status.SUCCEEDED
    assert "input" not in files(queued)


def test_a_contig_name_that_no_database_takes_fails_the_run_at_once(tiny_assembly: str) -> None:
    run = make_run()
    store_input(run, VCF + b"c\0x\t1\t.\tA\tC\t.\t.\t.\n")
    work(run)
    assert (run.status, run.error_code) == (Status.FAILED, "RUN_FAILURE")
    assert "Line 6 " in run.error


def test_an_unsorted_file_has_no_index(tiny_assembly: str) -> None:
    run = make_run()
    store_input(run, (HEADER + "chr1\t9\t.\tA\tC\t.\t.\t.\nchr1\t1\t.\tA\tC\t.\t.\t.\n").encode())
    assert not work(run).indexed
    assert "1.vcf.gz.tbi" not in files(run)


def test_a_malformed_line_fails_the_run_and_names_the_line_not_its_contents(tiny_assembly: str) -> None:
    run = make_run()
    store_input(run, VCF + b"chr1\tsecret\t.\tA\tC\t.\t.\t.\n")
    work(run)
    assert (run.status, run.error_code) == (Status.FAILED, "RUN_FAILURE")
    assert "Line 6" in run.error
    assert "secret" not in run.error
    assert files(run) == ["input"]


def test_a_worker_with_another_path_for_the_work_directory_starts_nothing_and_says_so(
    queued: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(executor, "BLIND_SECONDS", 0)
    other = tmp_path / "other"
    other.write_bytes(VCF)
    assert executor.execute_next(queued.pk, other, task_id="task", worker="w") == Outcome.NOTHING_TO_DO
    queued.refresh_from_db()
    assert (queued.status, queued.attempt) == (Status.QUEUED, 0)
    assert "Set ANYVAR_VCF_ASYNC_WORK_DIR to the same path on every host" in caplog.text
    assert other.exists()


def test_a_soft_limit_ends_the_run_as_too_long_and_cleans_up(queued: Run, settings: Settings) -> None:
    settings.CELERY_SOFT_LIMIT = -1
    run = work(queued)
    assert (run.status, run.error_code) == (Status.FAILED, "TIME_LIMIT_EXCEEDED")
    assert files(run) == ["input"]


def test_a_failure_nobody_foresaw_keeps_its_traceback_from_the_user(
    queued: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise ZeroDivisionError("/some/path")

    monkeypatch.setattr("vcfjobs.worker.annotation.open_assembly", broken)
    run = work(queued)
    assert (run.status, run.error_code, run.error) == (Status.FAILED, "RUN_FAILURE", executor.UNFORESEEN)
    assert "ZeroDivisionError" in run.traceback


def test_a_run_taken_over_meanwhile_keeps_the_other_attempts_result(
    queued: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker comes back after its lease: its last UPDATE hits nothing, and its own files go."""
    publish = annotation.publish

    def slow_publish(mine: Run, *args: Any, **options: Any) -> dict[str, Any]:
        columns = publish(mine, *args, **options)
        if mine.attempt == 1:
            Run.objects.filter(pk=mine.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
            work(mine)
            mine.attempt = 1
        return columns

    monkeypatch.setattr(annotation, "publish", slow_publish)
    answer = executor.run(queued.pk, task_id="zombie", worker="w")
    assert answer == "lost"
    queued.refresh_from_db()
    assert (queued.status, queued.attempt) == (Status.SUCCEEDED, 2)
    assert files(queued) == ["2.vcf.gz", "2.vcf.gz.gzi", "2.vcf.gz.tbi"]


def test_a_run_cancelled_meanwhile_leaves_no_output_and_keeps_its_input(
    queued: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel_first(lease: Lease, records: int, input_bytes: int) -> None:
        Run.objects.get(pk=lease.item.run_pk).cancel()
        lease._progress_due = 0
        progress(lease, records, input_bytes)

    progress = Lease.progress
    monkeypatch.setattr(Lease, "progress", cancel_first)
    run = work(queued)
    assert run.status == Status.CANCELLED
    assert files(run) == ["input"]


def test_a_run_deleted_meanwhile_ends_quietly(queued: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    publish = annotation.publish

    def delete_first(mine: Run, *args: Any, **options: Any) -> dict[str, Any]:
        Run.objects.filter(pk=mine.pk).delete()
        storage.drop_run(mine.pk)
        return publish(mine, *args, **options)

    monkeypatch.setattr(annotation, "publish", delete_first)
    assert executor.run(queued.pk, task_id="t", worker="w") == "lost"
    assert list(storage.runs().iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_the_work_goes_on(settings: Settings) -> None:
    settings.ANYVAR_LEASE_SECONDS = 1
    run = make_running(lease_until=timezone.now())

    with Lease(run):
        wait_until(
            lambda: Run.objects.filter(pk=run.pk, lease_until__gt=timezone.now()).exists(), "renewed", 5
        )


@pytest.mark.django_db(transaction=True)
def test_a_lease_that_another_took_stops_the_work(settings: Settings) -> None:
    settings.ANYVAR_LEASE_SECONDS = 0.3
    run = make_running()

    def stopped() -> bool:
        try:
            lease.check()
        except RunLostError:
            return True
        return False

    with Lease(run) as lease:
        Run.objects.filter(pk=run.pk).update(attempt=2)
        wait_until(stopped, "the work stops")


# --- turns ----------------------------------------------------------------------------------------


def turn(run: Run, *, task_id: str = "t", redelivered: bool = False) -> str:
    path = storage.input_path(run.pk)
    return executor.execute_next(run.pk, path, task_id=task_id, worker="w", redelivered=redelivered)


def test_a_host_that_does_not_see_the_work_directory_begins_nothing(
    queued: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A shared folder that is not mounted: every run would fail for want of its file."""
    monkeypatch.setattr(executor, "BLIND_SECONDS", 0)
    aside = storage.runs().with_name("aside")
    storage.runs().rename(aside)
    assert turn(queued) == "nothing to do"
    storage.runs().mkdir()
    assert turn(queued) == "nothing to do"
    over = make_run(status=Status.CANCELLED)
    assert turn(over) == "nothing to do"  # whose message would be a turn for the other
    queued.refresh_from_db()
    assert (queued.status, queued.attempt) == (Status.QUEUED, 0)
    assert caplog.text.count("does not see the work directory") == 3
    storage.runs().rmdir()
    aside.rename(storage.runs())
    assert turn(queued) == "succeeded"


def test_a_run_whose_files_alone_are_gone_fails(queued: Run) -> None:
    store_input(make_run(status=Status.CANCELLED))
    shutil.rmtree(storage.run_folder(queued.pk))
    assert turn(queued) == "failed"
    queued.refresh_from_db()
    assert queued.error == "The uploaded file is no longer there."


def test_the_message_of_a_turn_under_way_that_comes_again_takes_no_other_run(queued: Run) -> None:
    """The death of one child would end both, for it is known by the message's id."""
    make_running(task_id="t", worker="w")
    assert turn(queued, redelivered=True) == "nothing to do"
    assert turn(queued, task_id="another", redelivered=True) == "succeeded"


def test_whoever_cut_a_run_does_not_remove_the_result_that_another_joined(
    queued: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both work under one attempt; the first was away from the database until the run was done."""
    succeed = executor._succeed

    def succeed_and_lose(mine: Run, columns: dict[str, Any]) -> None:
        succeed(mine, columns)
        raise RunLostError

    monkeypatch.setattr(executor, "_succeed", succeed_and_lose)
    assert turn(queued) == "lost"
    queued.refresh_from_db()
    assert queued.status == Status.SUCCEEDED
    assert storage.result_path(queued.pk, 1).is_file()
