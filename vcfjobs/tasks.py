"""Celery's doors: each opens, calls the runner, and returns."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from celery import Task, shared_task

from vcfjobs import queue, runner


@shared_task(name=queue.ANNOTATE, bind=True)
def annotate_run(self: Task, run_pk: str, input_path: str) -> str:
    """Annotate the stored file of a run; returns how that ended."""
    return runner.run(
        UUID(run_pk), Path(input_path), task_id=self.request.id, worker=self.request.hostname or ""
    )


@shared_task(name=queue.INGEST, bind=True)
def ingest_run(self: Task, run_pk: str, input_path: str) -> str:
    """Register the annotations that the stored file of a run carries; returns how that ended."""
    return runner.run(
        UUID(run_pk), Path(input_path), task_id=self.request.id, worker=self.request.hostname or ""
    )
