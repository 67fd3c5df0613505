"""Find what died: lost, overdue, unsent and expired runs, and files that nobody owns.

It runs as a thread with its own database connection in the main process of every Celery worker: no beat
to forget, and never stuck behind busy children. Several sweeps at once do no harm: every step is a
conditional UPDATE.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import bootsteps
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from vcfjobs import queue, workdir
from vcfjobs.models import FINAL, Run, RunQuerySet, Status

logger = logging.getLogger(__name__)

ORPHAN_SECONDS = 86_400
SEND_AGAIN_SECONDS = 60
BATCH = 1000
POOLS = ("prefork", "solo")


def sweep() -> None:
    """One round of everything; a step that fails does not keep the others from running."""
    steps: tuple[Callable[[], None], ...] = (
        end_overdue, take_back_lost, send_unsent, expire, drop_orphans,
    )  # fmt: skip
    for step in steps:
        try:
            step()
        except OSError:
            logger.exception("sweep: %s failed, the next round tries again", step.__name__)
        except (DatabaseError, InterfaceError):
            logger.exception("sweep: %s failed, the next round tries again", step.__name__)
            connection.close()


def end_overdue() -> None:
    """Fail the runs that are over their deadline, whatever their worker says."""
    if ended := Run.objects.filter(deadline__lt=Now()).fail_overdue():
        logger.warning("sweep: %s runs over their deadline failed", ended)


def take_back_lost() -> None:
    """Queue the runs whose lease is over again, or fail them when their attempts are used up."""
    lost = Run.objects.filter(status=Status.RUNNING, lease_until__lt=Now())
    if again := lost.requeue():
        logger.warning("sweep: %s runs of lost workers queued again", again)
    if failed := lost.filter(attempt__gte=F("attempt_limit")).fail_lost():
        logger.warning("sweep: %s runs of lost workers failed, no attempts left", failed)


def send_unsent() -> None:
    """Hand queued runs to the broker: those never sent, and as many old ones as it holds too few."""
    queued = Run.objects.filter(status=Status.QUEUED)
    _send(queued.filter(sent=None).order_by("created")[:BATCH])
    old = queued.filter(sent__lt=timezone.now() - timedelta(seconds=SEND_AGAIN_SECONDS))
    if not old.exists():
        return
    waiting = queue.waiting()
    missing = queued.exclude(sent=None).count() - (waiting or 0)
    if missing > 0:
        _send(old.order_by("sent")[: min(missing, BATCH)])


def _send(runs: RunQuerySet) -> None:
    for run in runs:
        # Only one of several sweeps gets past this UPDATE. "Not later than what was read", not "equal":
        # SQLite keeps the database's clock in milliseconds as text, which equals no parameter.
        unchanged = Q(sent=None) if run.sent is None else Q(sent__lte=run.sent)
        taken = Run.objects.filter(unchanged, pk=run.pk, status=Status.QUEUED).update(sent=Now())
        if taken and not queue.publish(queue.TASK_OF_KIND[run.kind], queue.arguments(run.pk)):
            Run.objects.filter(pk=run.pk, status=Status.QUEUED).update(sent=run.sent)
            return


def expire() -> None:
    """Delete the files of the runs whose time is up; the rows stay and say so."""
    due = Run.objects.filter(status__in=FINAL, expired=None, expires__lte=Now())
    for run in due.order_by("expires")[:BATCH]:
        workdir.drop_run(run.pk)
        due.filter(pk=run.pk).update(expired=Now())


def drop_orphans() -> None:
    """Delete files that no row owns and nobody has touched for a day."""
    for path in workdir.stale_spool(ORPHAN_SECONDS):
        path.unlink(missing_ok=True)
    folders = set(workdir.orphans((), ORPHAN_SECONDS))
    owned = set(Run.objects.filter(pk__in=folders).values_list("pk", flat=True)) if folders else set()
    for pk in folders - owned:
        workdir.drop_run(pk)


def child_lost(pk: str, node: str, *, over_limit: bool) -> None:
    """A pool child of the worker `node` died, or was killed over the hard limit, while it held the run."""
    held = Run.objects.filter(pk=pk, status=Status.RUNNING, worker=node)
    if over_limit:
        held.fail_overdue()
    elif settings.REQUEUE_WHEN_CHILD_LOST:
        held.requeue()
        held.filter(attempt__gte=F("attempt_limit")).fail_lost()
    else:
        held.fail_lost()
    send_unsent()


class SweepStep(bootsteps.StartStopStep):
    """Celery's worker starts and stops the sweep with itself, and refuses to start when set up wrongly."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        refuse_wrong_setup(worker.pool_cls)
        self.node = worker.hostname
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._rounds, name="sweep", daemon=True)

    def start(self, worker: Any) -> None:
        """Begin the rounds."""
        task_failure.connect(self._on_task_failure, weak=False)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        """End after the round under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _rounds(self) -> None:
        interval = max(1.0, min(settings.ANYVAR_LEASE_SECONDS / 4, 15.0))
        try:
            while True:
                sweep()
                if self._stop.wait(interval):
                    return
        finally:
            connection.close()

    def _on_task_failure(
        self, exception: BaseException, args: tuple[str, ...] = (), **_: ExceptionInfo
    ) -> None:
        if not isinstance(exception, WorkerLostError | TimeLimitExceeded) or not args:
            return
        try:
            child_lost(args[0], self.node, over_limit=isinstance(exception, TimeLimitExceeded))
        except (DatabaseError, InterfaceError):
            logger.exception("run %s: its worker died; the sweep will find it", args[0])
        finally:
            connection.close()


def refuse_wrong_setup(pool: Any) -> None:
    """End the process with a sentence when the pool or a system check is wrong."""
    name = (pool if isinstance(pool, str) else pool.__module__).replace(":", ".").rsplit(".", 2)
    if not any(part in POOLS for part in name):
        raise SystemExit(
            "This service runs on Celery's prefork and solo pools only: "
            "threads and greenlets enforce no time limits. Start the worker with --pool=prefork."
        )
    try:
        call_command("check", verbosity=0)
    except SystemCheckError as error:
        raise SystemExit(str(error)) from None
