"""Which run is being worked on here and now, so that each line that is logged meanwhile can name it.

A context variable, not an argument: the lines of libraries name the run too. A thread that is started for
a run takes it along with `contextvars.copy_context().run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple
from uuid import UUID


class About(NamedTuple):
    """The run's key and the Celery delivery that it is worked on in; "" where there is none."""

    run: str = ""
    task_id: str = ""


NO_RUN = About()
_about: ContextVar[About] = ContextVar("about", default=NO_RUN)


@contextmanager
def log_run(pk: UUID, task_id: str = "") -> Iterator[None]:
    """What is logged inside is about this run."""
    token = _about.set(About(str(pk), task_id))
    try:
        yield
    finally:
        _about.reset(token)


def current() -> About:
    """What a line that is logged now is about."""
    return _about.get()
