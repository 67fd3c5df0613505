"""What a worker does with a turn: claim a piece of work, do it, say how it ended.

A piece is a whole run or a shard of a large one. Everything written is fenced by the piece's attempt. What
comes back is a word for the log; only what nobody foresaw is logged with a traceback, which stays with
the operator.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from django.db import DatabaseError, connection

from vcfjobs import storage
from vcfjobs.database.retry import DATABASE_OUTAGE, retry_on_outage
from vcfjobs.errors import RunFailureError, RunLostError, VcfJobsError
from vcfjobs.log_context import log_run
from vcfjobs.models import ACTIVE, Kind, Run, RunQuerySet, Shard, Status
from vcfjobs.worker import dispatch, scheduler, sharding
from vcfjobs.worker.annotation import annotate_file
from vcfjobs.worker.ingestion import ingest_file
from vcfjobs.worker.lease import Lease
from vcfjobs.worker.result import Result

logger = logging.getLogger(__name__)

WORK = {Kind.ANNOTATE.value: annotate_file, Kind.INGEST.value: ingest_file}
Outcome = TypeVar("Outcome")
WorkItem = Run | Shard
BLIND_SECONDS = 5.0
UNFORESEEN = "The run failed for a reason inside the service. Its operators can see why."


def execute_next(pk: UUID, input_path: Path, *, task_id: str, worker: str, redelivered: bool = False) -> str:
    """Do the piece of work that is next in line; a message delivered twice does no harm.

    The message names a run and its stored file. It may be another that is next, but a message that names
    another file than the run's own fails that run: this worker does not see the folder that the web does.
    One that was `redelivered` may have a turn under way here still.
    """
    if input_path != storage.input_path(pk):
        return _refuse(pk, task_id, worker)
    # Of any run: the message's own may be over, and the turn goes to another.
    if not storage.is_mounted(pk) and retry_on_outage(lambda: Run.objects.filter(status__in=ACTIVE).exists()):
        return _see_nothing(pk, task_id)
    if redelivered and retry_on_outage(lambda: _holds(task_id, worker)):
        return "nothing to do"
    piece = retry_on_outage(lambda: scheduler.claim_next(task_id, worker))
    if piece is None:
        with log_run(pk, task_id):
            logger.info("run %s: nothing to do, it is taken, over or gone", pk)
        return "nothing to do"
    if isinstance(piece, Shard):
        return _attempt(piece, partial(_shard, piece))
    return _attempt(piece, partial(_whole, piece, cuts=True))


def run(pk: UUID, *, task_id: str, worker: str) -> str:
    """Do this very run, whole, if it is there to be taken."""
    with log_run(pk, task_id):
        mine = retry_on_outage(lambda: Run.objects.claim(pk, task_id, worker))
        if mine is None:
            logger.info("run %s: nothing to do, it is taken, over or gone", pk)
            return "not claimed"
        return _attempt(mine, partial(_whole, mine, cuts=False))


def _see_nothing(pk: UUID, task_id: str) -> str:
    """Take no work on a host that has lost the work directory: every run would fail for want of its file."""
    with log_run(pk, task_id):
        logger.critical("run %s: nothing is begun, this host does not see the work directory", pk)
    time.sleep(BLIND_SECONDS)  # so that the messages, which the sweep sends again, go to other hosts
    return "nothing to do"


def _holds(task_id: str, worker: str) -> bool:
    """Whether a turn of the same message is under way here: by its id the death of one would end both."""
    held = {"task_id": task_id, "worker": worker}
    return Run.objects.leased().filter(**held).exists() or Shard.objects.leased().filter(**held).exists()


def _refuse(pk: UUID, task_id: str, worker: str) -> str:
    with log_run(pk, task_id):
        mine = retry_on_outage(lambda: Run.objects.claim(pk, task_id, worker))
        if mine is None:
            return "not claimed"
        return _fail(mine, RunFailureError("The message names another file than the run's own."), "")


def _attempt(piece: WorkItem, work: Callable[[], str]) -> str:
    with log_run(piece.run_pk, piece.task_id):
        logger.info("%s: attempt %s begins", piece.log_name, piece.attempt)
        try:
            with storage.full_disk_as_error():
                ended = work()
        except RunLostError:
            logger.info("%s: attempt %s stops, it is another's or over", piece.log_name, piece.attempt)
            return _leave(piece)
        except VcfJobsError as error:
            return _fail(piece, error, "")
        except DATABASE_OUTAGE:
            # It was away for longer than anybody waits: say nothing, and let the lease run out.
            logger.exception("%s: attempt %s is left", piece.log_name, piece.attempt)
            connection.close()
            return _leave(piece)
        except Exception:
            logger.exception("%s: attempt %s failed", piece.log_name, piece.attempt)
            return _fail(piece, RunFailureError(UNFORESEEN), traceback.format_exc())
        logger.info("%s: attempt %s %s", piece.log_name, piece.attempt, ended)
        return ended


def _whole(mine: Run, *, cuts: bool) -> str:
    stored = _stored(mine.pk)
    if mine.shard_count:  # whoever was to join its parts was lost
        return _join(mine)
    if cuts and sharding.is_large(mine, stored):
        return _cut(mine, stored)
    with Lease(mine) as lease:
        result = _unless_deleted(mine, lambda: WORK[mine.kind](mine, stored, lease))
    return _finish(mine, result)


def _cut(mine: Run, stored: Path) -> str:
    with Lease(mine) as lease:
        ranges = _unless_deleted(mine, lambda: sharding.plan_ranges(mine, stored, lease))
    shards = retry_on_outage(lambda: _unless_deleted(mine, lambda: sharding.create_shards(mine, ranges)))
    for shard in shards:
        if not dispatch.send(shard):
            unsent = mine.shards.filter(number__gte=shard.number, status=Status.QUEUED)
            retry_on_outage(lambda: unsent.update(sent=None))  # noqa: B023
            break
    return f"cut into {len(shards)} shards"


def _shard(mine: Shard) -> str:
    stored = _stored(mine.run_id)
    with Lease(mine) as lease:
        outcome = _unless_deleted(mine, lambda: sharding.annotate_shard(mine, stored, lease))
    completed, last_of = retry_on_outage(lambda: _complete(mine, outcome))
    if not completed:
        raise RunLostError
    if last_of is not None:
        _attempt(last_of, partial(_join, last_of))
    return "succeeded"


def _complete(mine: Shard, outcome: dict[str, object]) -> tuple[bool, Run | None]:
    completed, last_of = Shard.objects.complete(mine, **outcome)
    # A first transaction may have gone through while its answer was lost with the connection. Should it
    # have been the last shard's, the lease that it gave the run runs out, and the sweep hands the run on.
    return completed or _is_published(mine), last_of


def _join(mine: Run) -> str:
    with Lease(mine) as lease:
        result = _unless_deleted(mine, lambda: sharding.join(mine, lease))
    return _finish(mine, result)


def _stored(pk: UUID) -> Path:
    stored = storage.input_path(pk)
    if not stored.is_file():
        if not Run.objects.filter(pk=pk).exists():
            raise RunLostError
        raise RunFailureError("The uploaded file is no longer there.")
    return stored


def _unless_deleted(piece: WorkItem, work: Callable[[], Outcome]) -> Outcome:
    """What `work` gives; RunLostError when files vanish because the run was deleted under our hands."""
    try:
        return work()
    except FileNotFoundError as error:
        if piece.work_items().fenced_by(piece).exists():
            raise
        raise RunLostError from error


def _finish(mine: Run, result: Result) -> str:
    if not retry_on_outage(lambda: _succeed(mine, result)):
        raise RunLostError
    try:
        storage.keep_result(mine.pk, mine.attempt)
        sharding.drop(mine.pk)
    except (OSError, DatabaseError):  # they go at the latest with the run's other files
        logger.warning("run %s: its input could not be removed", mine.pk)
    return "succeeded"


def _succeed(mine: Run, result: Result) -> bool:
    columns = {name: getattr(result, name) for name in Result.__slots__}
    if Run.objects.succeed(mine, **columns):
        return True
    # A first UPDATE may have gone through while its answer was lost with the connection.
    return _is_published(mine)


def _leave(piece: WorkItem) -> str:
    """Remove what the attempt wrote, unless it is the result, or where that cannot be known.

    Whoever cut a run into shards has the attempt under which another joined them. The run's end removes
    what stays.
    """
    with suppress(*DATABASE_OUTAGE):
        if not _is_published(piece):
            _drop_attempt(piece)
    return "lost"


def _fail(piece: WorkItem, error: VcfJobsError, trace: str) -> str:
    """Say in the run's row how it ended, then remove the attempt's files, unless they are the result."""
    ended = retry_on_outage(lambda: _held(piece).fail(error, trace))
    if not ended and retry_on_outage(lambda: _is_published(piece)):
        return "succeeded"
    _drop_attempt(piece)
    logger.info("%s: attempt %s ends with %s", piece.log_name, piece.attempt, error.code)
    if ended:
        sharding.discard_output(piece.run_pk)
    return "failed" if ended else "lost"


def _held(piece: WorkItem) -> RunQuerySet:
    """The run of a piece, as long as the piece is this attempt's."""
    return Shard.objects.run_of(piece) if isinstance(piece, Shard) else Run.objects.leased().fenced_by(piece)


def _drop_attempt(piece: WorkItem) -> None:
    if isinstance(piece, Shard):
        storage.drop_shard_attempt(piece.run_id, piece.plan, piece.number, piece.attempt)
    else:
        storage.drop_attempt(piece.pk, piece.attempt)


def _is_published(piece: WorkItem) -> bool:
    return piece.work_items().filter(pk=piece.pk, attempt=piece.attempt, status=Status.SUCCEEDED).exists()
