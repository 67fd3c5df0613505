"""What a worker does with a message: claim a work item, do the work, record how it ended.

Everything written is fenced by the item's attempt. Only an unforeseen error is logged with a traceback,
which stays with the operator.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection

from vcfjobs import storage
from vcfjobs.database.retry import DATABASE_OUTAGE, retry_on_outage
from vcfjobs.errors import RunFailureError, RunLostError, VcfJobsError
from vcfjobs.log_context import log_run
from vcfjobs.models import ACTIVE, Kind, Run, Shard
from vcfjobs.worker import dispatch, scheduler, sharding
from vcfjobs.worker.annotation import annotate_file
from vcfjobs.worker.ingestion import ingest_file
from vcfjobs.worker.lease import Lease

logger = logging.getLogger(__name__)

WORK = {Kind.ANNOTATE.value: annotate_file, Kind.INGEST.value: ingest_file}
BLIND_SECONDS = 5.0
UNFORESEEN = "The run failed for a reason inside the service. Its operators can see why."


class Outcome(StrEnum):
    """How the work on a message ended, for the log and for Celery's results."""

    NOTHING_TO_DO = "nothing to do"
    SUCCEEDED = "succeeded"
    CUT = "cut into shards"
    FAILED = "failed"
    LOST = "lost"


def execute_next(
    pk: UUID, input_path: Path, *, task_id: str, worker: str, redelivered: bool = False
) -> Outcome:
    """Claim the next work item of the queue and do it.

    The message names a run and its stored file, by which this host knows whether it sees the work directory.
    A message delivered twice does no harm; one that was `redelivered` may still be worked on here.
    """
    with log_run(pk, task_id):
        if not _sees_work_directory(pk, input_path):
            time.sleep(BLIND_SECONDS)  # so that other hosts get the messages, which the sweep sends again
            return Outcome.NOTHING_TO_DO
        claim_next = retry_on_outage(scheduler.claim_next)
        item = None if redelivered and _is_at_work(task_id, worker) else claim_next(task_id, worker)
        if item is None:
            logger.info("nothing to do: the run is taken, over or gone")
            return Outcome.NOTHING_TO_DO
    return _attempt(item, _work_on)


def run(pk: UUID, *, task_id: str, worker: str) -> Outcome:
    """Claim this run and do it in one piece."""
    with log_run(pk, task_id):
        claimed = retry_on_outage(Run.objects.claim)(pk, task_id, worker)
        if claimed is None:
            logger.info("nothing to do: the run is taken, over or gone")
            return Outcome.NOTHING_TO_DO
    return _attempt(claimed, _whole)


def _attempt(item: Run | Shard, work: Callable[[Any], Outcome]) -> Outcome:
    with log_run(item.run_pk, item.task_id):
        logger.info("%s begins", item.log_name)
        try:
            with storage.full_disk_as_error(), _lost_when_deleted(item):
                outcome = work(item)
        except RunLostError:
            outcome = _leave(item)
        except VcfJobsError as error:
            outcome = _fail(item, error)
        except DATABASE_OUTAGE:
            # It lasted longer than a lease. Record nothing: the lease expires.
            logger.exception("%s is left", item.log_name)
            connection.close()
            outcome = _leave(item)
        except Exception:
            logger.exception("%s failed", item.log_name)
            outcome = _fail(item, RunFailureError(UNFORESEEN), traceback.format_exc())
        logger.info("%s %s", item.log_name, outcome)
        return outcome


def _cut_or_whole(run: Run) -> Outcome:
    is_large = _stored(run.pk).stat().st_size > settings.ANYVAR_SHARD_BYTES
    if is_large and run.kind == Kind.ANNOTATE and not run.shard_count:
        return _cut(run)
    return _whole(run)


def _work_on(item: Run | Shard) -> Outcome:
    work: dict[type, Callable[[Any], Outcome]] = {Run: _cut_or_whole, Shard: _shard}
    return work[type(item)](item)


def _shard(shard: Shard) -> Outcome:
    stored = _stored(shard.run_id)
    with Lease(shard) as lease:
        columns = sharding.annotate_shard(shard, stored, lease)
    last_of = _complete(shard, columns)
    return Outcome.SUCCEEDED if last_of is None else _attempt(last_of, _whole)


def _whole(run: Run) -> Outcome:
    stored = _stored(run.pk)
    with Lease(run) as lease:
        if run.shard_count:
            result = sharding.join(run, lease)
        else:
            if run.attempt > 1:  # an earlier attempt may have been cut, with batches of other numbers
                retry_on_outage(run.batches.all().delete)()
            result = WORK[run.kind](run, stored, lease)
    _finish(run, result)
    return Outcome.SUCCEEDED


def _cut(run: Run) -> Outcome:
    with Lease(run) as lease:
        ranges = sharding.plan_ranges(run, _stored(run.pk), lease)
    shards = sharding.create_shards(run, ranges)
    for shard in shards:
        if not dispatch.send(shard):
            retry_on_outage(run.shards.sendable().filter(number__gte=shard.number).update)(sent=None)
            break
    return Outcome.CUT


@retry_on_outage
def _complete(shard: Shard, columns: dict[str, Any]) -> Run | None:
    """Record that the shard is done; its run when that was the last one. Raises RunLostError."""
    completed, last_of = shard.complete(**columns)
    # A first transaction may have gone through while its answer was lost with the connection. Should it
    # have been the last shard's, the lease that it gave the run expires, and the sweep queues the run.
    if not completed and not shard.has_succeeded():
        raise RunLostError
    return last_of


@retry_on_outage
def _succeed(run: Run, result: dict[str, Any]) -> None:
    # A first UPDATE may have gone through while its answer was lost with the connection.
    if not run.succeed(**result) and not run.has_succeeded():
        raise RunLostError


def _finish(run: Run, result: dict[str, Any]) -> None:
    _succeed(run, result)
    try:
        storage.keep_result(run.pk, run.attempt)
        sharding.drop(run.pk)
    except (OSError, DatabaseError):  # they are deleted at the latest with the run's other files
        logger.warning("the input could not be removed")


def _fail(item: Run | Shard, error: VcfJobsError, trace: str = "") -> Outcome:
    failed = retry_on_outage(item.fail)(error, trace)
    if not failed and retry_on_outage(item.has_succeeded)():
        return Outcome.SUCCEEDED
    item.discard_attempt()
    if not failed:
        return Outcome.LOST
    logger.info("%s ends with %s", item.log_name, error.code)
    sharding.discard_output(item.run_pk)
    return Outcome.FAILED


def _leave(item: Run | Shard) -> Outcome:
    """Remove the files of the attempt, where the database says that nobody needs them."""
    with suppress(*DATABASE_OUTAGE):
        item.discard_attempt()
    return Outcome.LOST


def _sees_work_directory(pk: UUID, input_path: Path) -> bool:
    """Whether this host sees the work directory, under the path that the web has. If not, runs would fail."""
    if input_path != storage.input_path(pk):
        logger.critical(
            "nothing is started: the run's file is %s, but this host's work directory is %s. "
            "Set ANYVAR_VCF_ASYNC_WORK_DIR to the same path on every host.",
            input_path,
            storage.root(),
        )
        return False
    # Any run: the message's own may be over, and another is next.
    if not storage.is_mounted(pk) and retry_on_outage(Run.objects.filter(status__in=ACTIVE).exists)():
        logger.critical("nothing is started: this host does not see the work directory")
        return False
    return True


@retry_on_outage
def _is_at_work(task_id: str, worker: str) -> bool:
    """Whether the same message is being worked on here: by its id the death of one child would end both."""
    return any(model.objects.claimed_by(task_id, worker).exists() for model in (Run, Shard))


def _stored(pk: UUID) -> Path:
    stored = storage.input_path(pk)
    if not stored.is_file():
        if not Run.objects.filter(pk=pk).exists():
            raise RunLostError
        raise RunFailureError("The uploaded file is no longer there.")
    return stored


@contextmanager
def _lost_when_deleted(item: Run | Shard) -> Iterator[None]:
    """Raise RunLostError when files vanish because the run was deleted meanwhile."""
    try:
        yield
    except FileNotFoundError as error:
        if item.fenced().exists():
            raise
        raise RunLostError from error
