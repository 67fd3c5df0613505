"""Where log lines go and what they are about: all to standard error, each with the run that it is about."""

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
        # These would get handlers of their own, from Django, Celery and gunicorn.
        "loggers": dict.fromkeys(("django.server", "celery.task", "multiprocessing", "gunicorn.error"), ours),
    }


class AboutFilter(logging.Filter):
    """Lets every record pass, and gives it `run` and `task_id`; None where it is about none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        about = log_context.current()
        record.run = about.run or None
        record.task_id = about.task_id or (current_task.request.id if current_task else None)
        return True


def make_worker_log(instance: Any, **_: Any) -> None:
    """Receiver of Celery's celeryd_init: what its worker prints and warns of becomes log lines too."""
    from celery.apps import worker  # which only a worker has loaded

    django.setup()
    logging.captureWarnings(True)
    instance.quiet = True  # no banner of many lines
    worker.safe_say = _say


def _say(message: str, stream: object = None) -> None:
    """What Celery says from within signal handlers, where no handler's lock may be waited for: one write."""
    record = logging.LogRecord("celery.worker", logging.WARNING, "", 0, message, None, None)
    (handler, *_) = logging.getLogger().handlers
    os.write(2, f"{handler.format(record)}\n".encode())
