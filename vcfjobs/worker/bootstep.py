"""The threads of the sweep and of notifications, and the signals, inside a Celery worker."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import bootsteps
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure
from celery.worker import state
from django.conf import settings
from django.core.management.base import SystemCheckError
from django.db import connection
from django.utils import timezone

from vcfjobs import __version__
from vcfjobs.models import Worker
from vcfjobs.startup_checks import SETUP, check_setup
from vcfjobs.vrs import kernel
from vcfjobs.worker import delivery, fork_guard
from vcfjobs.worker.maintenance import STEPS, child_lost, drop_orphans, sweep

logger = logging.getLogger(__name__)

SEARCH_SECONDS = 3600
STOP_SECONDS = 10
POOLS = ("prefork", "solo")


class SweepStep(bootsteps.StartStopStep):
    """Starts and stops two threads with Celery's worker, which does not start with a wrong set-up.

    Receivers of notifications may be slow or away, so the sweep never waits for them.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        refuse_wrong_setup(worker.pool_cls)
        load_kernel()  # before the pool forks: its children share it
        fork_guard.fork_without_database()
        self._worker = Worker(
            node=worker.hostname,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            concurrency=worker.concurrency,
            started=timezone.now(),
        )
        # Not in the first hour: otherwise workers that are restarted often would search all the time.
        self._next_search = time.monotonic() + SEARCH_SECONDS
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._rounds, name="sweep", daemon=True)]
        if delivery.is_enabled():
            notify = threading.Thread(target=delivery.rounds, args=[self._stop], name="notify", daemon=True)
            self._threads.append(notify)

    def start(self, worker: Any) -> None:
        task_failure.connect(self._on_task_failure, weak=False)
        for thread in self._threads:
            thread.start()

    def stop(self, worker: Any) -> None:
        self._stop.set()
        give_up = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=max(0.0, give_up - time.monotonic()))

    def _rounds(self) -> None:
        interval = max(1.0, min(settings.ANYVAR_LEASE_SECONDS / 4, 15.0))
        with closing(connection):
            stopped = False
            while not stopped:
                sweep(self._worker.report_in, *self._seldom(), *STEPS, each_in=fork_guard.forks_blocked)
                stopped = self._stop.wait(interval)
            # The row of a killed worker stays.
            sweep(self._worker.sign_out, each_in=fork_guard.forks_blocked)

    def _seldom(self) -> list[Callable[[], None]]:
        if time.monotonic() < self._next_search:
            return []
        self._next_search = time.monotonic() + SEARCH_SECONDS
        return [drop_orphans]

    def _on_task_failure(self, exception: BaseException, task_id: str = "", **_: ExceptionInfo) -> None:
        if not isinstance(exception, WorkerLostError | TimeLimitExceeded) or not task_id:
            return
        over_limit = isinstance(exception, TimeLimitExceeded)
        stopping = state.should_stop is not None or state.should_terminate is not None

        def end_work_of_child() -> None:
            child_lost(task_id, self._worker.node, over_limit=over_limit, stopping=stopping)

        with closing(connection):
            sweep(end_work_of_child, each_in=fork_guard.forks_blocked)


def load_kernel() -> None:
    """Prepare the annotation kernel where it is used, and log how long that took."""
    began = time.monotonic()
    if kernel.load():
        logger.info("annotation kernel ready after %.1f s", time.monotonic() - began)


def refuse_wrong_setup(pool: Any) -> None:
    """End the process, with the reason in the log, if the pool is wrong or a system check fails."""
    if not any(name in str(pool) for name in POOLS):  # a name, or a class with the name in its module's
        logger.critical(
            "This service runs on Celery's prefork and solo pools only: "
            "threads and greenlets enforce no time limits. Start the worker with --pool=prefork."
        )
        raise SystemExit(1)
    try:
        check_setup(SETUP)  # Django's own import every page
    except SystemCheckError:
        raise SystemExit(1) from None
