"""The transitions of a run: each one UPDATE, fenced, and nothing else changes a status."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import make_run, make_running
from tests.query_plans import plan_of
from vcfjobs.errors import RunFailureError, TimeLimitExceededError
from vcfjobs.models import FINAL, Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_claim_raises_the_attempt_and_takes_a_lease() -> None:
    run = make_run()
    mine = Run.objects.claim(run.pk, "task", "celery@here")
    assert mine is not None
    assert (mine.status, mine.attempt, mine.worker) == (Status.RUNNING, 1, "celery@here")
    assert mine.lease_until is not None
    assert abs(mine.lease_until - timezone.now() - timedelta(seconds=60)) < timedelta(seconds=5)


def test_a_second_claim_finds_nothing() -> None:
    run = make_run()
    assert Run.objects.claim(run.pk, "one", "a")
    assert Run.objects.claim(run.pk, "two", "b") is None


def test_a_run_whose_lease_is_over_can_be_claimed_by_another() -> None:
    run = make_running(lease_until=timezone.now() - timedelta(seconds=1))
    mine = Run.objects.claim(run.pk, "two", "b")
    assert mine is not None
    assert mine.attempt == 2


def test_a_run_without_attempts_left_cannot_be_claimed() -> None:
    run = make_run(attempt=3, attempt_limit=3)
    assert Run.objects.claim(run.pk, "task", "a") is None


@pytest.mark.parametrize("status", FINAL)
def test_a_final_run_cannot_be_claimed(status: str) -> None:
    assert Run.objects.claim(make_run(status=status).pk, "task", "a") is None


def test_an_older_attempt_can_neither_renew_nor_report_nor_end_the_run() -> None:
    old = make_running(lease_until=timezone.now() - timedelta(seconds=1))
    assert Run.objects.claim(old.pk, "two", "b")
    assert not old.renew(0)
    assert not old.save_progress(5, 5)
    assert not old.succeed()
    assert not old.fail(RunFailureError("no"))
    assert Run.objects.get(pk=old.pk).status == Status.RUNNING


def test_renewing_moves_the_lease_forward_on_the_database_clock() -> None:
    run = make_running(lease_until=timezone.now() + timedelta(seconds=1))
    assert run.renew(0)
    run.refresh_from_db()
    assert run.lease_until is not None
    assert run.lease_until > timezone.now() + timedelta(seconds=50)


def test_renewing_sets_the_deadline_by_the_workers_own_clock() -> None:
    """While a machine sleeps the database's clock goes on: that says nothing of the work."""
    hours_ago = timezone.now() - timedelta(hours=2)
    run = make_running(lease_until=hours_ago, deadline=hours_ago)
    assert run.renew(600)
    run.refresh_from_db()
    assert run.deadline is not None
    left = (run.deadline - timezone.now()).total_seconds()
    assert left == pytest.approx(django_settings.CELERY_HARD_LIMIT - 600, abs=30)
    assert not Run.objects.overdue().exists()


def test_a_success_sets_the_time_at_which_the_files_go() -> None:
    run = make_running()
    assert run.succeed(result_bytes=5)
    run.refresh_from_db()
    assert run.status == Status.SUCCEEDED
    assert run.expires is not None
    assert run.finished is not None
    assert abs(run.expires - run.finished - timedelta(seconds=7200)) < timedelta(seconds=1)


def test_a_failure_keeps_its_code_sentence_and_traceback() -> None:
    run = make_running()
    assert run.fail(TimeLimitExceededError(60), "trace")
    run.refresh_from_db()
    assert (run.status, run.error_code, run.error, run.traceback) == (
        Status.FAILED,
        "TIME_LIMIT_EXCEEDED",
        "The run took longer than the limit of 60 seconds.",
        "trace",
    )


def test_a_retry_gives_the_run_its_attempts_again_and_never_lowers_the_attempt() -> None:
    run = make_run(status=Status.FAILED, attempt=3, attempt_limit=3, error="bad", finished=timezone.now())
    assert run.retry()
    run.refresh_from_db()
    assert (run.status, run.attempt, run.attempt_limit, run.error) == (Status.QUEUED, 3, 6, "")


def test_an_expired_run_cannot_be_retried() -> None:
    run = make_run(status=Status.FAILED, expired=timezone.now())
    assert not run.retry()


def test_a_run_whose_time_is_up_cannot_be_retried_though_its_files_are_not_swept_yet() -> None:
    run = make_run(status=Status.FAILED, expires=timezone.now() - timedelta(seconds=1))
    assert not run.retry()


def test_a_transition_shows_in_memory_and_a_refused_one_does_not() -> None:
    run = make_run()
    late = Run.objects.get(pk=run.pk)
    assert run.cancel()
    assert run.status == Status.CANCELLED
    assert run.finished is not None
    assert not late.cancel()
    assert (late.status, late.finished) == (Status.QUEUED, None)
    assert run.retry(7)
    assert (run.status, run.queue_position, run.attempt_limit) == (Status.QUEUED, 7, 3)


def test_two_runs_of_one_owner_cannot_hold_the_same_run_id() -> None:
    make_run(run_id="a", owner="x")
    make_run(run_id="a", owner="y")
    make_run(run_id="a", owner="x", superseded=True)
    with pytest.raises(IntegrityError):
        make_run(run_id="a", owner="x")


MOVES = {
    "claim": lambda run: Run.objects.claim(run.pk, "t", "w"),
    "succeed": lambda run: run.succeed(),
    "fail": lambda run: run.fail(RunFailureError("x")),
    "cancel": lambda run: run.cancel(),
    "requeue": lambda run: run.requeue(Run.objects.all()),
    "lost": lambda run: run.fail(RunFailureError("lost"), among=Run.objects.all()),
    "retry": lambda run: run.retry(),
}
ALLOWED = {
    (Status.QUEUED, "claim"): Status.RUNNING,
    (Status.QUEUED, "cancel"): Status.CANCELLED,
    (Status.RUNNING, "succeed"): Status.SUCCEEDED,
    (Status.RUNNING, "fail"): Status.FAILED,
    (Status.RUNNING, "cancel"): Status.CANCELLED,
    (Status.RUNNING, "requeue"): Status.QUEUED,
    (Status.RUNNING, "lost"): Status.FAILED,
    (Status.FAILED, "retry"): Status.QUEUED,
    (Status.CANCELLED, "retry"): Status.QUEUED,
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.sampled_from(sorted(MOVES)), max_size=14))
def test_no_sequence_of_moves_leaves_the_drawn_transitions(moves: list[str]) -> None:
    run = make_run(attempt_limit=1000)
    attempt = 0
    for move in moves:
        before = run.status
        MOVES[move](run)
        run.refresh_from_db()
        assert run.status == ALLOWED.get((Status(before), move), before), (before, move)
        assert run.attempt >= attempt
        attempt = run.attempt


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("ab", {"abc", "ab~", "ab"}),
        ("a", {"abc", "ab~", "ab"}),
        ("AB", {"ABx"}),
        ("b", set()),
        ("%", set()),
        ("a_", set()),
    ],
)
def test_runs_are_found_by_the_beginning_of_their_run_id_or_file_name(
    beginning: str, found: set[str]
) -> None:
    make_run(run_id="abc")
    make_run(run_id="ab~")
    make_run(run_id="ABx")
    make_run(run_id="z", file_name="ab")
    runs = Run.objects.beginning_with(beginning)
    assert {run.file_name or run.run_id for run in runs} == found


def test_the_beginning_may_be_of_any_script() -> None:
    make_run(file_name="Äpfel.vcf")
    assert Run.objects.beginning_with("Äp").exists()
    assert not Run.objects.beginning_with("Ap").exists()


def test_an_index_finds_the_beginning_of_a_run_id_and_of_a_file_name() -> None:
    plan = plan_of(Run.objects.order_by().beginning_with("ab"))
    assert "run_by_run_id" in plan
    assert "run_by_file_name" in plan
