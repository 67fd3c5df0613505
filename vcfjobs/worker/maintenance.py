"""Find what died: lost, overdue, unsent and expired runs, files that nobody owns, workers that are silent.

It runs as a thread with its own database connection in the main process of every Celery worker: no beat
to forget, and never stuck behind busy children. Several sweeps at once do no harm: every step is a
conditional UPDATE.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_results.models import TaskResult

from vcfjobs import storage
from vcfjobs.log_context import log_run
from vcfjobs.models import FINAL, Run, RunQuerySet, Shard, ShardQuerySet, Status, Worker, WorkItemQuerySet
from vcfjobs.worker import dispatch, scheduler, sharding

logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 86_400
SEND_AGAIN_SECONDS = 15
BATCH = 1000
REASONS: dict[Callable[[RunQuerySet], int], str] = {
    RunQuerySet.fail_lost: "its worker is lost",
    RunQuerySet.fail_overdue: "it is over its deadline",
}
USED_UP = Q(attempt__gte=F("attempt_limit"))


def sweep(
    *before: Callable[[], None], each_in: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """One round of everything, after `before`, each step in a context of its own.

    A step that fails does not keep the others from running.
    """
    for step in (*before, *STEPS):
        with each_in():
            try:
                step()
            except OSError:
                logger.exception("sweep: %s failed, the next round tries again", step.__name__)
            except (DatabaseError, InterfaceError):
                logger.exception("sweep: %s failed, the next round tries again", step.__name__)
                connection.close()


def end_overdue() -> None:
    """Fail the runs that are over their deadline, or have a shard that is, whatever their worker says."""
    _fail(Run.objects.overdue(), RunQuerySet.fail_overdue)
    _fail(_runs_of(Shard.objects.overdue()), RunQuerySet.fail_overdue)


def take_back_lost() -> None:
    """Queue the runs and shards whose lease is over again, or fail the runs that have no attempts left."""
    _requeue(Run.objects.lost())
    _requeue(Shard.objects.lost())
    _fail(Run.objects.lost().filter(USED_UP), RunQuerySet.fail_lost)
    _fail(_runs_of(Shard.objects.lost().filter(USED_UP)), RunQuerySet.fail_lost)


def _requeue(pieces: WorkItemQuerySet[Any]) -> None:
    """Queue pieces whose worker is lost again one by one, so that the log names the run of each."""
    for piece in list(pieces.defer("report")):
        if pieces.filter(pk=piece.pk).requeue():
            with log_run(piece.run_pk, piece.task_id):
                logger.warning(
                    "%s: attempt %s is lost with %s, queued again",
                    piece.log_name, piece.attempt, piece.worker,
                )  # fmt: skip


def _fail(runs: RunQuerySet, transition: Callable[[RunQuerySet], int]) -> None:
    """Let runs fail one by one, and remove what they wrote."""
    for pk in list(runs.values_list("pk", flat=True)):
        if transition(runs.filter(pk=pk)):
            with log_run(pk):
                logger.warning("run %s: failed, %s", pk, REASONS[transition])
                sharding.discard_output(pk)


def _runs_of(shards: ShardQuerySet) -> RunQuerySet:
    return Run.objects.filter(Exists(shards.filter(run=OuterRef("pk"))))


def send_unsent() -> None:
    """Hand what waits to the broker: what was never sent, and as much of the rest as it holds too little."""
    runs = Run.objects.filter(status=Status.QUEUED)
    shards = Shard.objects.filter(status=Status.QUEUED, run__status=Status.RUNNING)
    _send([*runs.unsent().order_by("created")[:BATCH], *shards.unsent()[:BATCH]])
    patience = min(SEND_AGAIN_SECONDS, settings.ANYVAR_LEASE_SECONDS)
    late = Q(sent__lt=timezone.now() - timedelta(seconds=patience))
    if not runs.filter(late).exists() and not shards.filter(late).exists():
        return
    sent = runs.exclude(sent=None).count() + shards.exclude(sent=None).count()
    missing = min(sent - (dispatch.waiting() or 0), BATCH)
    if missing > 0:
        old = [*runs.filter(late).order_by("sent")[:missing], *shards.filter(late).order_by("sent")[:missing]]
        _send(sorted(old, key=lambda piece: piece.sent)[:missing])


def _send(pieces: Iterable[Run | Shard]) -> None:
    for piece in pieces:
        # Only one of several sweeps gets past this UPDATE. "Not later than what was read", not "equal":
        # SQLite keeps the database's clock in milliseconds as text, which equals no parameter.
        unchanged = Q(sent=None) if piece.sent is None else Q(sent__lte=piece.sent)
        waiting = type(piece).objects.filter(pk=piece.pk, status=Status.QUEUED)
        taken = waiting.filter(unchanged).update(sent=Now())
        if isinstance(piece, Run) and piece.place is None:  # the request that was to do it is gone
            Run.objects.filter(pk=piece.pk).update(place=scheduler.next_position(piece.owner))
        with log_run(piece.run_pk):
            if taken and not dispatch.send(piece):
                waiting.update(sent=piece.sent)
                return


def drop_shards() -> None:
    """Remove the shards of runs that are over: cancelled or failed by somebody who did not see the parts."""
    over = Run.objects.filter(Exists(Shard.objects.filter(run=OuterRef("pk"))), status__in=FINAL)
    for run in over.only("pk")[:BATCH]:
        sharding.drop(run.pk)


def expire() -> None:
    """Delete the files of the runs whose time is up; the rows stay and say so."""
    due = Run.objects.filter(status__in=FINAL, expired=None, expires__lte=Now())
    for run in due.order_by("expires")[:BATCH]:
        storage.drop_run(run.pk)
        due.filter(pk=run.pk).update(expired=Now())


def drop_stale_uploads() -> None:
    """Delete uploads that nobody has written to for a day: their web process was killed."""
    for path in storage.stale_spool(ORPHAN_SECONDS):
        path.unlink(missing_ok=True)


def drop_orphans() -> None:
    """Delete what was left untouched for a day of runs without a row, and of those whose files have expired.

    And the input of a run that has succeeded, when its worker was killed before it removed that itself.
    Not in every round: it looks at the folder of every run there is.
    """
    stale = storage.stale_folders(ORPHAN_SECONDS)
    while some := set(islice(stale, BATCH)):
        kept = {
            run.pk: run for run in Run.objects.filter(pk__in=some, expired=None).only("status", "attempt")
        }
        for pk in some.difference(kept):
            storage.drop_run(pk)
        for pk, run in kept.items():
            if run.status == Status.SUCCEEDED and storage.has_input(pk):
                storage.keep_result(pk, run.attempt)


def forget_results() -> None:
    """Delete Celery's own results once they are old: Celery leaves that to a beat, and nobody reads them."""
    old = TaskResult.objects.get_all_expired(settings.CELERY_RESULT_EXPIRES)
    TaskResult.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:BATCH])).delete()


def forget_workers() -> None:
    """Delete the rows of workers that have been silent for a day."""
    Worker.objects.forget_silent()


STEPS = (
    end_overdue, take_back_lost, send_unsent, drop_shards, expire, drop_stale_uploads,
    forget_results, forget_workers,
)  # fmt: skip


def child_lost(task_id: str, node: str, *, over_limit: bool, stopping: bool = False) -> None:
    """A pool child of the worker `node` died, or was killed over the hard limit, during a turn.

    While the worker is `stopping` its children go by a signal to all of them: no fault of the run.
    """
    runs = Run.objects.leased().filter(task_id=task_id, worker=node)
    shards = Shard.objects.leased().filter(task_id=task_id, worker=node)
    if over_limit:
        _fail(_runs_of(shards), RunQuerySet.fail_overdue)
        _fail(runs, RunQuerySet.fail_overdue)
    elif stopping or settings.REQUEUE_WHEN_CHILD_LOST:
        _requeue(runs)
        _requeue(shards)
        _fail(_runs_of(shards.filter(USED_UP)), RunQuerySet.fail_lost)
        _fail(runs.filter(USED_UP), RunQuerySet.fail_lost)
    else:
        _fail(_runs_of(shards), RunQuerySet.fail_lost)
        _fail(runs, RunQuerySet.fail_lost)
    send_unsent()
