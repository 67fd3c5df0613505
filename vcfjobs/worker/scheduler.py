"""The line: whose piece of work a worker takes up next.

A message brings a turn, not a certain run. Every waiting run has a place in the line, and a turn goes to
the lowest. An owner's runs stand one place apart, and whoever comes anew stands level with the front: so
owners with much work and with little alternate, however much came first (start-time fair queueing). A run
that was cut up goes to the end of its owner's line with every shard that is taken from it: a small run
waits for one shard of a huge one, not for all.
"""

from __future__ import annotations

import logging
import random

from django.conf import settings
from django.db.models import Exists, F, Max, OuterRef, Q

from vcfjobs import storage
from vcfjobs.models import ACTIVE, Run, RunQuerySet, Shard, Status

logger = logging.getLogger(__name__)

# So often a worker looks again after another was faster, and so far back.
TRIES = 50
FURTHEST = 10
SEEN = ("pk", "owner", "status", "place")


def claim_next(task_id: str, worker: str) -> Run | Shard | None:
    """Claim the piece of work that is next; None when nothing waits, or nothing may be begun."""
    for tries in range(TRIES):
        # Who was beaten to the front looks a little further back than the others that were.
        first = list(_runnable().order_by("place", "created").only(*SEEN)[: 1 + min(tries, FURTHEST)])
        if not first:
            return None
        run = random.choice(first)  # noqa: S311  (no secret)
        piece: Run | Shard | None = None
        if run.status == Status.QUEUED:
            piece = Run.objects.claim(run.pk, task_id, worker)
        elif _rotate(run):
            piece = Shard.objects.claim_next(run.pk, task_id, worker)
        if piece is not None:
            return piece
    logger.warning("no piece of work was to be had in %s tries", TRIES)
    return None


def _rotate(run: Run) -> bool:
    """Send a cut run to the end of its owner's line; of workers that saw it at its place one does."""
    there = Run.objects.filter(pk=run.pk, place=run.place, status=Status.RUNNING)
    return bool(there.update(place=next_position(run.owner)))


def next_position(owner: str) -> int:
    """The place of what an owner has done next: behind all its own, and never before the front."""
    last = Run.objects.filter(status__in=ACTIVE, owner=owner).aggregate(last=Max("place"))["last"]
    return max(_queue_head(), -1 if last is None else last + 1)


def _queue_head() -> int:
    """Where the line stands: at the lowest place that waits, or else at the highest under way."""
    waiting = _waiting().order_by("place").values_list("place", flat=True).first()
    if waiting is not None:
        return waiting
    return Run.objects.filter(status__in=ACTIVE).aggregate(last=Max("place"))["last"] or 0


def _waiting() -> RunQuerySet:
    """Runs with something to claim: themselves, or a shard."""
    whole = Q(status=Status.QUEUED, attempt__lt=F("attempt_limit"))
    in_line = Run.objects.filter(status__in=ACTIVE, place__isnull=False)
    return in_line.filter(whole | _begun())


def _begun() -> Q:
    shards = Shard.objects.filter(run=OuterRef("pk"), status=Status.QUEUED, attempt__lt=F("attempt_limit"))
    return Q(Exists(shards), status=Status.RUNNING, shard_count__gt=0)


def _runnable() -> RunQuerySet:
    """What may be taken up now: with the disk nearly full only what was begun, whose end makes room."""
    if storage.free_bytes() >= settings.ANYVAR_MIN_FREE_BYTES:
        return _waiting()
    logger.warning("the work directory's disk is nearly full: no run is begun until there is room")
    to_join = Q(status=Status.QUEUED, shard_count__gt=0)
    return _waiting().filter(_begun() | to_join)
