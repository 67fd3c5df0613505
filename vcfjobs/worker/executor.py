"""What a worker does with a message: claim a work item, do the work, record how it ended, tidy up.

Every write is fenced by the item's attempt. Only an unforeseen error is logged with its traceback, which only
operators can see.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from vcfjobs import storage
from vcfjobs.database.retry import DATABASE_OUTAGE, retry_on_outage
from vcfjobs.errors import RunFailureError, RunLostError, VcfJobsError
from vcfjobs.log_context import log_run
from vcfjobs.models import ACTIVE, Kind, Run, Shard
from vcfjobs.worker import cleanup, dispatch, scheduler, sharding
from vcfjobs.worker.annotation import annotate_file
from vcfjobs.worker.ingestion import ingest_file
from vcfjobs.worker.lease import Lease

logger = logging.getLogger(__name__)

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

    The message names a run and its stored file, which show whether this host sees the work directory. A
    message delivered twice does no harm. The work of a `redelivered` one may still be in progress here.
    """
    with log_run(pk, task_id):
        if not _sees_work_directory(pk, input_path):
            time.sleep(BLIND_SECONDS)  # so that other hosts get the messages, which the sweep sends again
            return Outcome.NOTHING_TO_DO
        claim_next = retry_on_outage(scheduler.claim_next)
        item = None if redelivered and _is_at_work(task_id, worker) else claim_next(task_id, worker)
        return _attempt(item, _shard_cut_or_whole)


def run(pk: UUID, *, task_id: str, worker: str) -> Outcome:
    """Claim this run and annotate it without cutting."""
    with log_run(pk, task_id):
        return _attempt(retry_on_outage(Run.objects.claim)(pk, task_id, worker), _whole)


def _attempt(item: Run | Shard | None, work: Callable[[Any], Outcome]) -> Outcome:
    """Do the work on the claimed item, if there is one, and tidy up."""
    if item is None:
        logger.info("nothing to do: no work item could be claimed")
        return Outcome.NOTHING_TO_DO
    with log_run(item.run_pk, item.task_id):
        logger.info("%s begins", item.log_name)
        outcome = _outcome_of(item, work)
        try:
            retry_on_outage(cleanup.tidy_up)(item.run_pk)
        except (OSError, *DATABASE_OUTAGE):
            logger.warning("files could not be removed; the end of the run or its expiry removes them")
        logger.info("%s %s", item.log_name, outcome)
        return outcome


def _outcome_of(item: Run | Shard, work: Callable[[Any], Outcome]) -> Outcome:
    """Do the work; record an error, unless the item is no longer this attempt's."""
    try:
        with storage.full_disk_as_error():
            return work(item)
    except RunLostError:
        return Outcome.LOST
    except VcfJobsError as error:
        return _fail(item, error)
    except DATABASE_OUTAGE:
        # It lasted longer than a lease. Record nothing: the lease expires.
        logger.exception("%s is given up, the database does not answer", item.log_name)
        connection.close()
        return Outcome.LOST
    except Exception as error:
        outcome = _fail(item, RunFailureError(UNFORESEEN), traceback.format_exc())
        # The files of a run vanish if it is deleted or cancelled during the work.
        if outcome is Outcome.FAILED or not isinstance(error, FileNotFoundError):
            logger.exception("%s failed", item.log_name)
        return outcome


def _shard_cut_or_whole(item: Run | Shard) -> Outcome:
    if isinstance(item, Shard):
        return _shard(item)
    is_large = _stored(item.pk).stat().st_size > settings.ANYVAR_SHARD_BYTES
    if is_large and item.kind == Kind.ANNOTATE and not item.shard_count:
        return _cut(item)
    return _whole(item)


def _shard(shard: Shard) -> Outcome:
    stored = _stored(shard.run_id)
    with Lease(shard) as lease:
        columns = sharding.annotate_shard(shard, stored, lease)
    _succeed(shard, columns)
    to_join = retry_on_outage(shard.run_to_join)()
    return Outcome.SUCCEEDED if to_join is None else _attempt(to_join, _whole)


def _whole(run: Run) -> Outcome:
    stored = _stored(run.pk)
    with Lease(run) as lease:
        if run.shard_count:
            columns = sharding.join(run, lease)
        else:
            if run.attempt > 1:  # an earlier attempt may have been cut, with batches of other numbers
                retry_on_outage(run.batches.all().delete)()
            work = ingest_file if run.kind == Kind.INGEST else annotate_file
            columns = work(run, stored, lease)
    _succeed(run, columns)
    return Outcome.SUCCEEDED


def _cut(run: Run) -> Outcome:
    with Lease(run) as lease:
        ranges = sharding.plan_ranges(run, _stored(run.pk), lease)
    storage.make_shard_folder(run.pk, run.attempt)
    for shard in retry_on_outage(Shard.objects.cut)(run, ranges):
        if not dispatch.enqueue(shard):
            break  # the sweep sends this one and the others
    return Outcome.CUT


@retry_on_outage
def _succeed(item: Run | Shard, columns: dict[str, Any]) -> None:
    # A first UPDATE may have gone through while its answer was lost with the connection.
    if not item.succeed(**columns) and not item.has_succeeded():
        raise RunLostError


def _fail(item: Run | Shard, error: VcfJobsError, trace: str = "") -> Outcome:
    if not retry_on_outage(item.fail)(error, trace):
        return Outcome.SUCCEEDED if retry_on_outage(item.has_succeeded)() else Outcome.LOST
    logger.info("%s ends with %s", item.log_name, error.code)
    return Outcome.FAILED


def _sees_work_directory(pk: UUID, input_path: Path) -> bool:
    """Whether this host sees the work directory under the same path as the web; else runs would fail."""
    # Any run: that of the message may have ended.
    any_waits = retry_on_outage(Run.objects.filter(status__in=ACTIVE).exists)
    if input_path == storage.input_path(pk) and (storage.is_mounted(pk) or not any_waits()):
        return True
    logger.critical(
        "nothing is started: this host does not see the work directory. The run's file is %s, and the work "
        "directory here is %s. Set ANYVAR_VCF_ASYNC_WORK_DIR to the same path on every host, and mount it.",
        input_path,
        storage.root(),
    )
    return False


@retry_on_outage
def _is_at_work(task_id: str, worker: str) -> bool:
    """Whether this worker still works on the same message: the death of one child would end both."""
    return any(model.objects.claimed_by(task_id, worker).exists() for model in (Run, Shard))


def _stored(pk: UUID) -> Path:
    stored = storage.input_path(pk)
    if not stored.is_file():
        raise RunFailureError("The uploaded file is no longer there.")
    return stored
