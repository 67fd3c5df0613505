"""Logs: all lines go to standard error, each with the run that it is about."""

from __future__ import annotations

import logging
import os
from typing import Any

import django
from celery import current_task

from anyvar_site.log_lines import FORMATTERS
from vcfjobs import log_context


def configuration(kind: str, level: int) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, as `kind` ("text" or "json")."""
    ours = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"about": {"()": "anyvar_site.logs.AboutFilter"}},
        "formatters": {kind: {"()": FORMATTERS[kind]}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": kind, "filters": ["about"]}},
        "root": {"handlers": ["stderr"], "level": level},
        # Django, Celery and gunicorn would give these handlers of their own.
        "loggers": dict.fromkeys(("django.server", "celery.task", "multiprocessing", "gunicorn.error"), ours),
    }


class AboutFilter(logging.Filter):
    """Sets `run` and `task_id` of each record; None outside a run or a task."""

    def filter(self, record: logging.LogRecord) -> bool:
        about = log_context.current()
        record.run = about.run or None
        record.task_id = about.task_id or (current_task.request.id if current_task else None)
        return True


def make_worker_log(instance: Any, **_: Any) -> None:
    """Make log lines of what a worker prints and warns of; a receiver of Celery's celeryd_init."""
    from celery.apps import worker  # only a worker has loaded it

    django.setup()
    logging.captureWarnings(True)
    instance.quiet = True  # no banner of many lines
    worker.safe_say = _say


def _say(message: str, stream: object = None) -> None:
    """Write a line at once: Celery calls this in signal handlers, which may not wait for a handler's lock."""
    record = logging.LogRecord("celery.worker", logging.WARNING, "", 0, message, None, None)
    (handler, *_) = logging.getLogger().handlers
    os.write(2, f"{handler.format(record)}\n".encode())
