"""What a Celery worker prints, as log lines."""

from __future__ import annotations

import logging
import os
from typing import Any

import django


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
