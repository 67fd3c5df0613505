"""The sweep: find lost, overdue, unsent and expired runs, files without a run, and silent workers.

It runs as a thread with its own database connection in the main process of every Celery worker. So it needs
no beat, and never waits for busy children. Several sweeps at once do no harm: every step is a conditional
UPDATE.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from operator import attrgetter

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django_celery_results.models import TaskResult

from vcfjobs import storage
from vcfjobs.errors import TimeLimitExceededError, VcfJobsError, WorkerLostError
from vcfjobs.log_context import log_run
from vcfjobs.models import FINAL, Run, RunQuerySet, Shard, ShardQuerySet, Worker, seconds_from_now
from vcfjobs.references.assemblies import damage_of
from vcfjobs.worker import dispatch, scheduler
from vcfjobs.worker.cleanup import tidy_up

logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 86_400
FORGOTTEN_SECONDS = 86_400
SEND_AGAIN_SECONDS = 15
BATCH = 1000
WORK_ITEMS: tuple[type[Run | Shard], ...] = (Run, Shard)


def end_overdue() -> None:
    """Fail the runs that are over their deadline, or have such a shard."""
    for model in WORK_ITEMS:
        _fail(model.objects.overdue().runs(), TimeLimitExceededError(settings.CELERY_HARD_LIMIT))


def take_back_lost() -> None:
    """Queue lost items again, or fail their runs if no attempts are left."""
    for model in WORK_ITEMS:
        _take_back(model.objects.lost())


def child_lost(task_id: str, node: str, *, over_limit: bool, stopping: bool = False) -> None:
    """End the work of a pool child of the worker `node` that died, or was killed over the hard limit.

    While the worker is `stopping`, a signal ends all its children: not the fault of the run.
    """
    for model in WORK_ITEMS:
        items = model.objects.claimed_by(task_id, node)
        if over_limit:
            _fail(items.runs(), TimeLimitExceededError(settings.CELERY_HARD_LIMIT))
        elif stopping or settings.REQUEUE_WHEN_CHILD_LOST:
            _take_back(items)
        else:
            _fail_lost(items.runs())
    send_unsent()


def _take_back(lost: RunQuerySet | ShardQuerySet) -> None:
    """Queue lost items one by one, so that the log names each run; fail runs without attempts left."""
    for item in list(lost.defer("report")):
        if item.requeue(lost):
            with log_run(item.run_pk, item.task_id):
                logger.warning("%s is lost with %s, queued again", item.log_name, item.worker)
    _fail_lost(lost.used_up().runs())


def _fail_lost(runs: RunQuerySet) -> None:
    """Fail runs whose workers are lost.

    Whoever reads mapped bases of a file that is truncated is killed. The run is not tried until its attempts
    are used up: the next one looks at the file's size first.
    """
    for assembly in set(runs.order_by().values_list("assembly", flat=True)):
        _fail(runs.filter(assembly=assembly), damage_of(assembly) or WorkerLostError())


def _fail(runs: RunQuerySet, error: VcfJobsError) -> None:
    for run in list(runs.only("pk")):
        if run.fail(error, among=runs):
            with log_run(run.pk):
                logger.warning("failed: %s", error.sentence)
                tidy_up(run.pk)


def send_unsent() -> None:
    """Send messages for waiting items: those never sent, and as many others as the broker lacks."""
    unsent = Q(sent=None)
    late = Q(sent__lt=seconds_from_now(-min(SEND_AGAIN_SECONDS, settings.ANYVAR_LEASE_SECONDS)))
    runs, shards = Run.objects.sendable(), Shard.objects.sendable()
    for run in runs.filter(unsent | late, queue_position=None)[:BATCH]:  # their requests have died
        run.move_to(scheduler.next_position(run.owner))
    _send([*runs.filter(unsent).order_by("created")[:BATCH], *shards.filter(unsent)[:BATCH]])
    if runs.filter(late).exists() or shards.filter(late).exists():
        sent = runs.exclude(unsent).count() + shards.exclude(unsent).count()
        missing = max(0, min(sent - (dispatch.waiting() or 0), BATCH))
        oldest = [item for items in (runs, shards) for item in items.filter(late).order_by("sent")[:missing]]
        _send(sorted(oldest, key=attrgetter("sent"))[:missing])


def _send(items: Iterable[Run | Shard]) -> None:
    for item in items:
        with log_run(item.run_pk):
            if not dispatch.enqueue(item):
                return


def drop_shards() -> None:
    """Remove the shards of ended runs that nobody has tidied up, because their host did not see the parts."""
    over = Run.objects.filter(Exists(Shard.objects.filter(run=OuterRef("pk"))), status__in=FINAL)
    for run in over.only("pk")[:BATCH]:
        tidy_up(run.pk)


def expire() -> None:
    """Delete the files of the runs that have expired; the rows stay and say so."""
    due = Run.objects.filter(status__in=FINAL, expired=None, expires__lte=Now())
    for run in due.order_by("expires")[:BATCH]:
        storage.drop_run(run.pk)
        due.filter(pk=run.pk).update(expired=Now())


def drop_stale_uploads() -> None:
    """Delete uploads that have not grown for a day: their web process was killed."""
    for path in storage.stale_spool(ORPHAN_SECONDS):
        path.unlink(missing_ok=True)


def drop_orphans() -> None:
    """Delete folders, a day old, of runs that have no row or have expired.

    Also the input of a succeeded run whose worker was killed before it removed it. Not in every round,
    because it reads the folder of every run.
    """
    stale = storage.stale_folders(ORPHAN_SECONDS)
    while some := set(islice(stale, BATCH)):
        owned = set(Run.objects.filter(pk__in=some, expired=None).values_list("pk", flat=True))
        for pk in some:
            if pk not in owned or storage.has_input(pk):
                tidy_up(pk)


def forget_results() -> None:
    """Delete expired results of Celery, which would need a beat for that."""
    old = TaskResult.objects.get_all_expired(settings.CELERY_RESULT_EXPIRES)
    TaskResult.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:BATCH])).delete()


def forget_workers() -> None:
    """Delete the rows of workers that have not reported for a day."""
    Worker.objects.filter(seen__lt=seconds_from_now(-FORGOTTEN_SECONDS)).delete()


STEPS = (
    end_overdue, take_back_lost, send_unsent, drop_shards, expire, drop_stale_uploads,
    forget_results, forget_workers,
)  # fmt: skip


def sweep(
    *steps: Callable[[], None], each_in: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Do the steps, by default all, each in its own context; a failed one does not stop the others."""
    for step in steps or STEPS:
        with each_in():
            try:
                step()
            except Exception:
                logger.exception("sweep: %s failed, the next round tries again", step.__name__)
                connection.close()
