"""The run that the current code works on, so that each log line names it, those of libraries too.

A thread started for a run inherits it by `contextvars.copy_context().run`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from celery import current_task

_run_and_task: ContextVar[tuple[str, str]] = ContextVar("run_and_task", default=("", ""))


@contextmanager
def log_run(pk: UUID, task_id: str = "") -> Iterator[None]:
    """Log lines inside name this run, and the Celery task that works on it."""
    token = _run_and_task.set((str(pk), task_id))
    try:
        yield
    finally:
        _run_and_task.reset(token)


class RunOfCall:
    """The key of the run that an HTTP call turned out to be about; None for no run."""

    key: str | None = None


_call: ContextVar[RunOfCall | None] = ContextVar("call", default=None)


@contextmanager
def run_of_call() -> Iterator[RunOfCall]:
    """What is named by `name_run` inside."""
    call = RunOfCall()
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)


def name_run(pk: UUID) -> None:
    """Say which run the current call is about, for the access log."""
    if call := _call.get():
        call.key = str(pk)


class RunFilter(logging.Filter):
    """Sets `run` and `task_id` of each record; None outside a run or a task."""

    def filter(self, record: logging.LogRecord) -> bool:
        run, task_id = _run_and_task.get()
        record.run = run or None
        record.task_id = task_id or (current_task.request.id if current_task else None)
        return True
