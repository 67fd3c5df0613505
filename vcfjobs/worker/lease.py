"""Keep the lease of a work item: a thread renews it, and `check` says when to stop.

The thread has its own database connection. It ends with the work, and at the latest at the deadline:
otherwise a task that hangs would keep its run forever.
"""

from __future__ import annotations

import logging
import threading
import time
from contextvars import copy_context
from typing import Self

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from vcfjobs.errors import RunLostError, TimeLimitExceededError
from vcfjobs.models import Run, Shard

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 2.0


class Lease:
    """A context in which this process owns the item; each method is cheap enough to call for every chunk."""

    def __init__(self, item: Run | Shard) -> None:
        self.item = item
        self._started = time.monotonic()
        self._progress_due = self._started
        self._lost = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._renew,), name=f"lease-{item.pk}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def check(self) -> None:
        """Raise RunLostError if the lease is lost, TimeLimitExceededError after the soft limit."""
        if self._lost.is_set():
            raise RunLostError
        if time.monotonic() - self._started > settings.CELERY_SOFT_LIMIT:
            raise TimeLimitExceededError(settings.CELERY_SOFT_LIMIT)

    def progress(self, records: int, input_bytes: int) -> None:
        """Save progress, at most every two seconds; raises as `check` does."""
        self.check()
        now = time.monotonic()
        if now < self._progress_due:
            return
        self._progress_due = now + PROGRESS_SECONDS
        try:
            if not self.item.save_progress(records, input_bytes):
                raise RunLostError
        except (DatabaseError, InterfaceError):
            connection.close()  # progress can wait until the database is back
            logger.warning("%s: progress not saved, the database does not answer", self.item.log_name)

    def _renew(self) -> None:
        interval = settings.ANYVAR_LEASE_SECONDS / 3
        try:
            while not self._done.wait(interval):
                worked = time.monotonic() - self._started
                if worked > settings.CELERY_HARD_LIMIT:
                    return
                try:
                    if not self.item.renew(worked):
                        self._lost.set()
                        return
                except (DatabaseError, InterfaceError):
                    # Unknown is not lost: the fence of the final UPDATE decides.
                    connection.close()
                    logger.warning("%s: lease not renewed, the database does not answer", self.item.log_name)
        finally:
            connection.close()
