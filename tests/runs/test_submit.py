"""What a user may ask for, and what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.factories import HEADER, RECORDS, VCF, make_run, make_running, make_upload, store_input
from vcfjobs import storage
from vcfjobs.errors import (
    InvalidParameterError,
    InvalidVcfError,
    NoReferenceError,
    ReferenceMismatchError,
    RunConflictError,
    RunIdInUseError,
    RunNotFoundError,
    UnknownAssemblyError,
    UploadTooLargeError,
)
from vcfjobs.models import Run, Status
from vcfjobs.runs import estimates, lifecycle
from vcfjobs.runs.submit import Parameters, submit_run
from vcfjobs.worker import dispatch

pytestmark = [pytest.mark.django_db, pytest.mark.database]

Submit = Callable[..., tuple[Run, bool]]
Broker = list[tuple[str, list[str]]]


@pytest.fixture
def submit(
    tiny_assembly: str, broker: Broker, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Submit:
    """Submit the small VCF; what happens on commit happens."""

    def call(content: bytes = VCF, **changes: Any) -> tuple[Run, bool]:
        known = {"owner": "", "run_id": None, "run_async": True}
        parameters = {name: changes.pop(name) for name in list(changes) if name not in known}
        with django_capture_on_commit_callbacks(execute=True):
            return submit_run(
                upload=make_upload(content),
                parameters=Parameters(**({"assembly": "tiny"} | parameters)),
                **(known | changes),
            )

    return call


def test_a_submitted_run_is_queued_stored_and_handed_to_the_broker(submit: Submit, broker: Broker) -> None:
    run, created = submit()
    assert created
    assert (run.status, run.input_bytes, run.input_format) == (Status.QUEUED, len(VCF), "vcf")
    assert storage.input_path(run.pk).read_bytes() == VCF
    assert broker == [(dispatch.WORK_ON_NEXT, [str(run.pk), str(storage.input_path(run.pk))])]
    assert list(storage.spool().iterdir()) == []


def test_a_broker_that_takes_nothing_leaves_the_run_for_the_sweep(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "publish", lambda task, args: False)
    run, _ = submit()
    assert Run.objects.get(pk=run.pk).sent is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, RuntimeError])
def test_whatever_fails_once_a_run_is_committed_leaves_it_for_the_sweep(
    tiny_assembly: str, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(run: Run) -> bool:
        raise error

    monkeypatch.setattr(dispatch, "send", fail)
    run, _ = submit_run(
        upload=make_upload(VCF), parameters=Parameters("tiny"), owner="", run_id=None, run_async=True
    )
    assert Run.objects.get().status == Status.QUEUED
    assert storage.input_path(run.pk).read_bytes() == VCF


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answers", [True, False])
def test_an_upload_stays_though_the_answer_to_its_commit_is_lost(
    tiny_assembly: str, broker: Broker, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """Whether the database can be asked afterwards or not: the run may be there."""
    wrapper: Any = type(connections[DEFAULT_DB_ALIAS])
    commit = wrapper._commit

    def lose_answer(self: object) -> None:
        commit(self)
        if not answers:
            monkeypatch.setattr(type(Run.objects.all()), "exists", gone)
        raise OperationalError

    def gone(self: object) -> bool:
        raise OperationalError

    monkeypatch.setattr(wrapper, "_commit", lose_answer)
    with pytest.raises(OperationalError):
        submit_run(
            upload=make_upload(VCF), parameters=Parameters("tiny"), owner="", run_id="a", run_async=True
        )
    monkeypatch.undo()
    run = Run.objects.get()
    assert run.status == Status.QUEUED
    assert storage.input_path(run.pk).read_bytes() == VCF


@pytest.mark.django_db(transaction=True)
def test_no_transaction_waits_for_the_disk(
    tiny_assembly: str, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer, which a slow disk would hold up for all."""
    synced, sync = [], storage.sync

    def noting(path: Path) -> None:
        synced.append(connection.in_atomic_block)
        sync(path)

    monkeypatch.setattr(storage, "sync", noting)
    submit_run(upload=make_upload(VCF), parameters=Parameters("tiny"), owner="", run_id=None, run_async=True)
    assert synced == [False] * 3


def test_a_run_without_a_run_id_is_named_by_its_key(submit: Submit) -> None:
    run, _ = submit()
    assert run.run_id == str(run.pk)


@pytest.mark.parametrize(
    "text",
    ["", "a/b", "a?b", "a#b", ".", "..", "a b", "a\n", pytest.param("ä", id="umlaut"), "x" * 256],
)
def test_a_run_id_that_cannot_stand_in_a_path_is_refused(submit: Submit, text: str) -> None:
    with pytest.raises(InvalidParameterError):
        submit(run_id=text)
    assert not Run.objects.exists()


def test_the_same_request_again_is_the_same_run(submit: Submit, broker: Broker) -> None:
    first, _ = submit(run_id="a")
    again, created = submit(run_id="a")
    assert (again.pk, created) == (first.pk, False)
    assert len(broker) == 1


def test_a_run_id_in_use_by_other_bytes_is_refused(submit: Submit) -> None:
    submit(run_id="a")
    with pytest.raises(RunIdInUseError) as caught:
        submit(VCF + b"chr1\t2\t.\tC\tT\t.\t.\t.\n", run_id="a")
    assert caught.value.extra["run_status"] == "PENDING"
    assert caught.value.sentence == (
        "An existing run with id a is PENDING. "
        "Fetch the completed run result before submitting with the same run_id."
    )


def test_a_run_id_of_a_result_that_was_never_fetched_is_refused(submit: Submit) -> None:
    run, _ = submit(run_id="a")
    Run.objects.filter(pk=run.pk).update(status=Status.SUCCEEDED)
    with pytest.raises(RunIdInUseError) as caught:
        submit(run_id="a", for_ref=False)
    assert caught.value.extra["run_status"] == "SUCCESS"


def test_a_run_id_is_free_again_once_the_result_was_fetched(submit: Submit) -> None:
    old, _ = submit(run_id="a")
    Run.objects.filter(pk=old.pk).update(status=Status.SUCCEEDED, fetched=timezone.now())
    new, created = submit(run_id="a", for_ref=False)
    assert created
    assert lifecycle.find_run(owner="", run_id="a").pk == new.pk
    assert lifecycle.find_run(owner="", run_id=str(old.pk)).pk == old.pk


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_a_run_id_of_a_run_that_ended_badly_is_free(submit: Submit, status: str) -> None:
    old, _ = submit(run_id="a")
    Run.objects.filter(pk=old.pk).update(status=status)
    _, created = submit(run_id="a")
    assert created


def test_another_owner_may_use_the_same_run_id(submit: Submit) -> None:
    submit(run_id="a", owner="x")
    _, created = submit(run_id="a", owner="y")
    assert created


def test_an_unknown_assembly_is_refused_with_those_registered(submit: Submit) -> None:
    with pytest.raises(UnknownAssemblyError, match="tiny"):
        submit(assembly="GRCh99")


def test_without_any_reference_a_submit_says_so() -> None:
    with pytest.raises(NoReferenceError):
        submit_run(
            upload=make_upload(),
            parameters=Parameters(assembly="tiny"),
            owner="",
            run_id=None,
            run_async=True,
        )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b"##fileformat=VCFv4.2\n",
        (HEADER + "chr1\tx\t.\tA\tC\t.\t.\t.\n").encode(),
        b"\x1f\x8b\x08",
    ],
    ids=["empty", "text", "no #CHROM", "POS", "cut gzip"],
)
def test_what_is_no_vcf_is_refused_and_leaves_no_row(submit: Submit, broker: Broker, content: bytes) -> None:
    with pytest.raises(InvalidVcfError):
        submit(content)
    assert not Run.objects.exists()
    assert list(storage.runs().iterdir()) == []
    assert broker == []


def test_a_file_of_another_assembly_is_refused_with_the_count(submit: Submit) -> None:
    wrong = HEADER + "".join(f"chr1\t{pos}\t.\tGGGG\tC\t.\t.\t.\n" for pos in range(1, 9))
    with pytest.raises(ReferenceMismatchError, match="8 of the first 8 records"):
        submit(wrong.encode())


def test_one_wrong_record_among_many_is_no_reason_to_refuse(submit: Submit) -> None:
    _, created = submit((HEADER + RECORDS + "chr1\t2\t.\tGGGG\tC\t.\t.\t.\n").encode())
    assert created


def test_a_synchronous_run_is_done_when_the_call_returns(submit: Submit, broker: Broker) -> None:
    run, _ = submit(run_async=False)
    assert run.status == Status.SUCCEEDED
    assert storage.result_path(run.pk, run.attempt).is_file()
    assert broker == []


def test_a_file_too_large_for_a_request_is_refused(submit: Submit, settings: Settings) -> None:
    settings.ANYVAR_SYNC_MAX_BYTES = 10
    with pytest.raises(UploadTooLargeError, match="run_async"):
        submit(run_async=False)


def test_a_cancelled_run_cannot_be_cancelled_twice() -> None:
    run = make_running()
    lifecycle.cancel_run(run)
    with pytest.raises(RunConflictError):
        lifecycle.cancel_run(run)


def test_a_failed_run_is_tried_again_when_its_file_is_still_there(broker: Broker) -> None:
    run = make_run(status=Status.FAILED)
    store_input(run)
    lifecycle.retry_run(run)
    run.refresh_from_db()
    assert run.status == Status.QUEUED
    assert len(broker) == 1


def test_a_run_whose_file_is_gone_cannot_be_retried() -> None:
    with pytest.raises(RunConflictError, match="no longer stored"):
        lifecycle.retry_run(make_run(status=Status.FAILED))


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED])
def test_only_runs_that_ended_badly_can_be_retried(status: str) -> None:
    run = make_run(status=status)
    store_input(run)
    with pytest.raises(RunConflictError, match="failed or cancelled"):
        lifecycle.retry_run(run)


def test_a_deleted_run_leaves_neither_row_nor_files() -> None:
    run = make_run()
    store_input(run)
    lifecycle.delete_run(run)
    assert not Run.objects.exists()
    assert not storage.run_folder(run.pk).exists()


def test_another_owners_run_is_not_found() -> None:
    run = make_run(owner="x")
    with pytest.raises(RunNotFoundError):
        lifecycle.find_run(owner="y", run_id=run.run_id)
    assert lifecycle.find_run(owner="y", run_id=run.run_id, everyone=True) == run


def test_of_two_runs_of_one_name_staff_means_its_own() -> None:
    mine = make_run(run_id="shared", owner="user:1")
    make_run(run_id="shared", owner="token:x")
    assert lifecycle.find_run(owner="user:1", run_id="shared", everyone=True) == mine


def test_staff_means_its_own_run_however_many_others_have_the_name() -> None:
    mine = make_run(run_id="shared", owner="user:1")
    for number in range(20):
        make_run(run_id="shared", owner=f"token:{number}")
    assert lifecycle.find_run(owner="user:1", run_id="shared", everyone=True) == mine


def test_a_generated_run_id_that_is_given_again_means_the_new_run() -> None:
    old = make_run(status=Status.FAILED, superseded=True)
    new = make_run(run_id=str(old.pk))
    assert lifecycle.find_run(owner="", run_id=str(old.pk)) == new
    new.delete()
    assert lifecycle.find_run(owner="", run_id=str(old.pk)) == old


@pytest.mark.parametrize("run_id", ["a\0b", "", "ä"], ids=["zero byte", "empty", "umlaut"])
def test_what_can_be_no_run_id_is_not_found(run_id: str) -> None:
    with pytest.raises(RunNotFoundError):
        lifecycle.find_run(owner="", run_id=run_id)


def test_a_run_named_like_anothers_key_does_not_hide_it() -> None:
    run = make_run()
    make_run(run_id=str(run.pk).upper())
    make_run(run_id="other")
    assert lifecycle.find_run(owner="", run_id=str(run.pk)) == run


def test_the_time_to_ask_again_is_between_a_second_and_a_minute() -> None:
    now = timezone.now()
    assert estimates.retry_after(make_run()) == 1
    slow = make_running(input_bytes=10**6, bytes_done=10, started=now - timedelta(seconds=100))
    assert estimates.retry_after(slow) == 60
    half = make_running(input_bytes=100, bytes_done=50, started=now - timedelta(seconds=10))
    assert 10 <= estimates.retry_after(half) <= 11


@pytest.mark.django_db(transaction=True)
def test_of_simultaneous_submits_of_one_run_id_exactly_one_wins(tiny_assembly: str, broker: Broker) -> None:
    outcomes: list[object] = []
    start = threading.Barrier(12)

    def submit_once(number: int) -> None:
        # Different bytes: none of them is a repeat of another.
        upload = make_upload(VCF + b"chr1\t1\t.\tA\tC\t.\t.\tN=%d\n" % number)
        start.wait()
        try:
            outcomes.append(
                submit_run(
                    upload=upload, parameters=Parameters("tiny"), owner="", run_id="same", run_async=True
                )[1]
            )
        except RunIdInUseError:
            outcomes.append("in use")
        finally:
            connection.close()

    threads = [threading.Thread(target=submit_once, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["True", *["in use"] * 11]
    assert Run.objects.count() == 1
    assert len(list(storage.runs().iterdir())) == 1


def test_many_small_runs_do_not_make_a_large_file_look_slow(submit: Submit) -> None:
    now = timezone.now()
    for _ in range(10):
        make_run(status=Status.SUCCEEDED, input_bytes=500, started=now - timedelta(seconds=1), finished=now)
    estimates._memory.asked = float("-inf")
    estimates.remember_backlog()
    assert estimates.retry_after(make_run(input_bytes=1_000_000)) <= 2
