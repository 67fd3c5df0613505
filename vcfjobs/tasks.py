"""The Celery task: it calls the executor and returns."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from celery import Task, shared_task

from vcfjobs.worker import dispatch, executor
from vcfjobs.worker.executor import Outcome

# Names in messages of the release before and of the next one: releases run side by side during an upgrade.
OTHER_NAMES = ("vcfjobs.ingest_run", "vcfjobs.annotate_shard", "vcfjobs.work_on_next")


class RunFailed(Exception):  # noqa: N818  (what Celery's results say)
    """The run failed: its row says why, and Celery's result only that it did."""


def work_on_next(task: Task, run_pk: str, input_path: str, number: int | None = None) -> str:
    """Do the next work item of the queue; how that ended. `number`, a shard's, is in earlier messages only.

    Raises RunFailed, so that Celery's result has the state FAILURE.
    """
    outcome = executor.execute_next(
        UUID(run_pk),
        Path(input_path),
        task_id=task.request.id,
        worker=task.request.hostname or "",
        redelivered=bool((task.request.delivery_info or {}).get("redelivered")),
    )
    if outcome is Outcome.FAILED:
        raise RunFailed
    return outcome.value


for _name in (dispatch.WORK_ON_NEXT, *OTHER_NAMES):
    shared_task(name=_name, bind=True, throws=(RunFailed,))(work_on_next)
