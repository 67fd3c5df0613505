"""The run that the current code works on, so that each log line names it, those of libraries too.

A thread started for a run inherits it by `contextvars.copy_context().run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from uuid import UUID


class About(NamedTuple):
    """The run's key and the id of the Celery task that works on it; each may be empty."""

    run: str = ""
    task_id: str = ""


NO_RUN = About()
_about: ContextVar[About] = ContextVar("about", default=NO_RUN)


@contextmanager
def log_run(pk: UUID, task_id: str = "") -> Iterator[None]:
    """Log lines inside name this run."""
    token = _about.set(About(str(pk), task_id))
    try:
        yield
    finally:
        _about.reset(token)


def current() -> About:
    """The run that a line logged now is about."""
    return _about.get()
