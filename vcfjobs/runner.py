"""What a worker does with one run: claim it, annotate its file, publish the result, say how it ended.

Everything it writes is fenced by its attempt. It returns the run's status; only what nobody foresaw is
logged with a traceback, which stays with the operator.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from uuid import UUID

from vcfjobs import workdir
from vcfjobs.annotation import annotate_file
from vcfjobs.errors import RunFailureError, RunLostError, VcfJobsError
from vcfjobs.ingestion import ingest_file
from vcfjobs.lease import Lease
from vcfjobs.models import Kind, Run, Status
from vcfjobs.outcome import Result
from vcfjobs.patience import patiently

logger = logging.getLogger(__name__)

WORK = {Kind.ANNOTATE.value: annotate_file, Kind.INGEST.value: ingest_file}
UNFORESEEN = "The run failed for a reason inside the service. Its operators can see why."


def run(pk: UUID, input_path: Path, *, task_id: str, worker: str) -> str:
    """Do the run if it is there to be taken; a message delivered twice does no harm.

    `input_path` is what the message says; it must be the stored file of the row.
    """
    mine = patiently(lambda: Run.objects.claim(pk, task_id, worker))
    if mine is None:
        logger.info("run %s: nothing to do, it is taken, over or gone", pk)
        return "not claimed"
    logger.info("run %s: attempt %s begins", pk, mine.attempt)
    try:
        _work(mine, input_path)
    except RunLostError:
        logger.info("run %s: attempt %s stops, the run is another's or over", pk, mine.attempt)
        workdir.drop_attempt(pk, mine.attempt)
        return "lost"
    except VcfJobsError as error:
        return _end_badly(mine, error, "")
    except Exception:
        logger.exception("run %s: attempt %s failed", pk, mine.attempt)
        return _end_badly(mine, RunFailureError(UNFORESEEN), traceback.format_exc())
    logger.info("run %s: attempt %s succeeded", pk, mine.attempt)
    return "succeeded"


def _work(mine: Run, input_path: Path) -> None:
    stored = workdir.input_path(mine.pk)
    if input_path != stored:
        raise RunFailureError("The message names another file than the run's own.")
    if not stored.is_file():
        raise RunFailureError("The uploaded file is no longer there.")
    with Lease(mine) as lease, workdir.full_disk_as_error():
        try:
            result = WORK[mine.kind](mine, stored, lease)
        except FileNotFoundError as error:
            if Run.objects.mine(mine).exists():
                raise
            raise RunLostError from error  # deleted under our hands
    if not patiently(lambda: _succeed(mine, result)):
        raise RunLostError
    try:
        workdir.drop_input(mine.pk)
    except OSError:  # it goes at the latest with the run's other files
        logger.warning("run %s: its input could not be removed", mine.pk)


def _succeed(mine: Run, result: Result) -> bool:
    columns = {name: getattr(result, name) for name in Result.__slots__}
    if Run.objects.succeed(mine, **columns):
        return True
    # A first UPDATE may have gone through while its answer was lost with the connection.
    return _is_published(mine)


def _end_badly(mine: Run, error: VcfJobsError, trace: str) -> str:
    """Say in the row how it ended, then remove the attempt's files, unless they have become the result."""
    ended = patiently(lambda: Run.objects.mine(mine).fail(error, trace))
    if not ended and patiently(lambda: _is_published(mine)):
        return "succeeded"
    workdir.drop_attempt(mine.pk, mine.attempt)
    logger.info("run %s: attempt %s ends with %s", mine.pk, mine.attempt, error.code)
    return "failed" if ended else "lost"


def _is_published(mine: Run) -> bool:
    return Run.objects.filter(pk=mine.pk, attempt=mine.attempt, status=Status.SUCCEEDED).exists()
