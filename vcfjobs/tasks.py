"""Celery's doors: each opens, calls the runner, and returns.

A message brings the worker a turn: which piece of work that goes to is the line's to say.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from celery import Task, shared_task

from vcfjobs.worker import dispatch, executor


@shared_task(name=dispatch.ANNOTATE, bind=True)
def annotate_run(self: Task, run_pk: str, input_path: str) -> str:
    """A turn for a run to annotate; returns how what was done ended."""
    return _turn(self, run_pk, input_path)


@shared_task(name=dispatch.INGEST, bind=True)
def ingest_run(self: Task, run_pk: str, input_path: str) -> str:
    """A turn for a run whose annotations are to be registered; returns how what was done ended."""
    return _turn(self, run_pk, input_path)


@shared_task(name=dispatch.ANNOTATE_SHARD, bind=True)
def annotate_shard(self: Task, run_pk: str, input_path: str, number: int) -> str:
    """A turn for a shard of a run; returns how what was done ended."""
    return _turn(self, run_pk, input_path)


def _turn(task: Task, run_pk: str, input_path: str) -> str:
    return executor.execute_next(
        UUID(run_pk),
        Path(input_path),
        task_id=task.request.id,
        worker=task.request.hostname or "",
        redelivered=bool((task.request.delivery_info or {}).get("redelivered")),
    )
