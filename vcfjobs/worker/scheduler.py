"""The queue: which work item a worker claims next.

A message does not name the work item: the worker claims the first one in the queue. Every waiting run has a
position, and the lowest is first. The runs of an owner are one position apart, and the first run of a new
owner gets the position of the queue's head. So owners with many runs alternate with owners with few
(start-time fair queueing). With each claimed shard, a cut run moves to the end of its owner's runs, so a
small run waits for one shard of a huge one, not for all.
"""

from __future__ import annotations

import logging
import random

from django.conf import settings
from django.db.models import Exists, Max, OuterRef, Q

from vcfjobs import storage
from vcfjobs.models import ACTIVE, Run, RunQuerySet, Shard, Status
from vcfjobs.models.work_items import ATTEMPTS_LEFT

logger = logging.getLogger(__name__)

# How often a worker tries again if another was faster, and from how many runs it chooses then.
TRIES = 50
MOST_CANDIDATES = 10


def claim_next(task_id: str, worker: str) -> Run | Shard | None:
    """Claim the next work item; None if nothing waits, or nothing may be started."""
    for tries in range(TRIES):
        # After each lost race a worker chooses among one more run, so that workers spread out.
        first = _runnable().order_by("queue_position", "created").only("owner", "status", "queue_position")
        candidates = list(first[: 1 + min(tries, MOST_CANDIDATES)])
        if not candidates:
            return None
        run = random.choice(candidates)  # noqa: S311  (no secret)
        item: Run | Shard | None = None
        if run.status == Status.QUEUED:
            item = Run.objects.claim(run.pk, task_id, worker)
        elif run.move_to(next_position(run.owner)):  # only one of the workers that saw it here moves it
            item = Shard.objects.claim_next(run.pk, task_id, worker)
        if item is not None:
            return item
    logger.warning("no work item could be claimed in %s tries", TRIES)
    return None


def queued_before(run: Run) -> RunQuerySet:
    """The queued runs that are claimed before this one as the queue is now; a later submit may add some."""
    queued = Run.objects.filter(ATTEMPTS_LEFT, status=Status.QUEUED)
    at_its_position = {"queue_position": run.queue_position, "created__gte": run.created}
    return queued.filter(queue_position__lte=run.queue_position).exclude(**at_its_position)


def next_position(owner: str) -> int:
    """The position of an owner's next run: after all its own, and never before the head of the queue."""
    last = Run.objects.filter(status__in=ACTIVE, owner=owner).aggregate(last=Max("queue_position"))["last"]
    return max(_queue_head(), -1 if last is None else last + 1)


def _queue_head() -> int:
    """The lowest position of a waiting run, else the highest of a running one."""
    waiting = _waiting().order_by("queue_position").values_list("queue_position", flat=True).first()
    if waiting is not None:
        return waiting
    return Run.objects.filter(status__in=ACTIVE).aggregate(last=Max("queue_position"))["last"] or 0


def _waiting() -> RunQuerySet:
    """Runs with something to claim: the run itself, or a shard."""
    whole = ATTEMPTS_LEFT & Q(status=Status.QUEUED)
    return Run.objects.filter(whole | _has_waiting_shards(), status__in=ACTIVE, queue_position__isnull=False)


def _has_waiting_shards() -> Q:
    shards = Shard.objects.filter(ATTEMPTS_LEFT, run=OuterRef("pk"), status=Status.QUEUED)
    return Q(Exists(shards), status=Status.RUNNING, shard_count__gt=0)


def _runnable() -> RunQuerySet:
    """The waiting runs; while the disk is nearly full only those cut already, whose end frees space."""
    if storage.free_bytes() >= settings.ANYVAR_MIN_FREE_BYTES:
        return _waiting()
    logger.warning("the work directory's disk is nearly full: no run is started until there is space")
    to_join = Q(status=Status.QUEUED, shard_count__gt=0)
    return _waiting().filter(_has_waiting_shards() | to_join)
