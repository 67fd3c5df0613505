"""Find what died: lost, overdue, unsent and expired runs, files that nobody owns, workers that are silent.

It runs as a thread with its own database connection in the main process of every Celery worker: no beat
to forget, and never stuck behind busy children. Several sweeps at once do no harm: every step is a
conditional UPDATE.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from itertools import islice
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import bootsteps
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure
from celery.worker import state
from django.conf import settings
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_results.models import TaskResult

from vcfjobs import forks, queue, sharding, turns, workdir
from vcfjobs.log_context import about_run
from vcfjobs.models import FINAL, PieceQuerySet, Run, RunQuerySet, Shard, ShardQuerySet, Status, Worker
from vcfjobs.start import check_setup

logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 86_400
SEARCH_SECONDS = 3600
SEND_AGAIN_SECONDS = 15
BATCH = 1000
POOLS = ("prefork", "solo")
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


def _requeue(pieces: PieceQuerySet[Any]) -> None:
    """Queue pieces whose worker is lost again one by one, so that the log names the run of each."""
    for piece in list(pieces.defer("report")):
        if pieces.filter(pk=piece.pk).requeue():
            with about_run(piece.run_pk, piece.task_id):
                logger.warning(
                    "%s: attempt %s is lost with %s, queued again",
                    piece.log_name, piece.attempt, piece.worker,
                )  # fmt: skip


def _fail(runs: RunQuerySet, transition: Callable[[RunQuerySet], int]) -> None:
    """Let runs fail one by one, and remove what they wrote."""
    for pk in list(runs.values_list("pk", flat=True)):
        if transition(runs.filter(pk=pk)):
            with about_run(pk):
                logger.warning("run %s: failed, %s", pk, REASONS[transition])
                sharding.end_badly(pk)


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
    missing = min(sent - (queue.waiting() or 0), BATCH)
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
            Run.objects.filter(pk=piece.pk).update(place=turns.next_place(piece.owner))
        with about_run(piece.run_pk):
            if taken and not queue.send(piece):
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
        workdir.drop_run(run.pk)
        due.filter(pk=run.pk).update(expired=Now())


def drop_stale_uploads() -> None:
    """Delete uploads that nobody has written to for a day: their web process was killed."""
    for path in workdir.stale_spool(ORPHAN_SECONDS):
        path.unlink(missing_ok=True)


def drop_orphans() -> None:
    """Delete what was left untouched for a day of runs without a row, and of those whose files have expired.

    And the input of a run that has succeeded, when its worker was killed before it removed that itself.
    Not in every round: it looks at the folder of every run there is.
    """
    stale = workdir.stale_folders(ORPHAN_SECONDS)
    while some := set(islice(stale, BATCH)):
        kept = {
            run.pk: run for run in Run.objects.filter(pk__in=some, expired=None).only("status", "attempt")
        }
        for pk in some.difference(kept):
            workdir.drop_run(pk)
        for pk, run in kept.items():
            if run.status == Status.SUCCEEDED and workdir.has_input(pk):
                workdir.keep_result(pk, run.attempt)


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
    runs = Run.objects.held().filter(task_id=task_id, worker=node)
    shards = Shard.objects.held().filter(task_id=task_id, worker=node)
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


class SweepStep(bootsteps.StartStopStep):
    """Celery's worker starts and stops the sweep with itself, and refuses to start when set up wrongly."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        refuse_wrong_setup(worker.pool_cls)
        forks.fork_without_database()
        self.node = worker.hostname
        self._worker = Worker(
            node=worker.hostname,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=str(settings.SPECTACULAR_SETTINGS["VERSION"]),
            concurrency=worker.concurrency,
            started=timezone.now(),
        )
        # The first hour passes without: workers that start often would search all the time.
        self._next_search = time.monotonic() + SEARCH_SECONDS
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._rounds, name="sweep", daemon=True)

    def start(self, worker: Any) -> None:
        """Begin the rounds."""
        task_failure.connect(self._on_task_failure, weak=False)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        """End after the round under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _rounds(self) -> None:
        interval = max(1.0, min(settings.ANYVAR_LEASE_SECONDS / 4, 15.0))
        try:
            while True:
                sweep(self._report_in, *self._seldom(), each_in=forks.held_off)
                if self._stop.wait(interval):
                    with forks.held_off():
                        self._sign_out()
                    return
        finally:
            connection.close()

    def _seldom(self) -> list[Callable[[], None]]:
        """What is due once an hour."""
        if time.monotonic() < self._next_search:
            return []
        self._next_search = time.monotonic() + SEARCH_SECONDS
        return [drop_orphans]

    def _report_in(self) -> None:
        Worker.objects.report_in(self._worker)

    def _sign_out(self) -> None:
        """Leave no row of a worker that ends in order: those that stay were killed."""
        with suppress(DatabaseError, InterfaceError):
            Worker.objects.sign_out(self._worker)

    def _on_task_failure(self, exception: BaseException, task_id: str = "", **_: ExceptionInfo) -> None:
        if not isinstance(exception, WorkerLostError | TimeLimitExceeded) or not task_id:
            return
        over_limit = isinstance(exception, TimeLimitExceeded)
        stopping = state.should_stop is not None or state.should_terminate is not None
        with forks.held_off():
            try:
                child_lost(task_id, self.node, over_limit=over_limit, stopping=stopping)
            except (DatabaseError, InterfaceError):
                logger.exception("a child died during the turn %s; the sweep will find what it held", task_id)
            finally:
                connection.close()


def refuse_wrong_setup(pool: Any) -> None:
    """End the process, and say in the log why, when the pool or a system check is wrong."""
    name = (pool if isinstance(pool, str) else pool.__module__).replace(":", ".").rsplit(".", 2)
    if not any(part in POOLS for part in name):
        logger.critical(
            "This service runs on Celery's prefork and solo pools only: "
            "threads and greenlets enforce no time limits. Start the worker with --pool=prefork."
        )
        raise SystemExit(1)
    try:
        check_setup()
    except SystemCheckError:
        raise SystemExit(1) from None
