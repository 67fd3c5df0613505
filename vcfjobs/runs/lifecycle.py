"""Find, cancel, retry and delete runs; send their notifications again."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models.functions import Now

from vcfjobs import storage
from vcfjobs.errors import RunConflictError, RunNotFoundError
from vcfjobs.log_context import log_run, name_run
from vcfjobs.models import Run, RunQuerySet
from vcfjobs.runs import admission
from vcfjobs.runs.run_ids import is_searchable
from vcfjobs.worker import cleanup, dispatch, scheduler

logger = logging.getLogger(__name__)


def find_run(*, owner: str, run_id: str, everyone: bool = False) -> Run:
    """The run that has this run_id or primary key; one query. Raises RunNotFoundError.

    Runs of other owners are found only with `everyone`.
    """
    if not is_searchable(run_id):
        raise RunNotFoundError
    found = visible_runs(owner=owner, everyone=everyone).named(run_id, owner).first()
    if found is None:
        raise RunNotFoundError
    name_run(found.pk)
    return found


def visible_runs(*, owner: str, everyone: bool = False) -> RunQuerySet:
    """The runs that a caller may list."""
    return Run.objects.all() if everyone else Run.objects.filter(owner=owner)


def cancel_run(run: Run) -> None:
    """Cancel a queued or running run; its worker stops within a third of the lease."""
    if not run.cancel():
        raise RunConflictError("The run has already ended, so there is nothing to cancel.")
    cleanup.tidy_up(run.pk)
    with log_run(run.pk):
        logger.info("cancelled")


def retry_run(run: Run) -> None:
    """Queue a failed or cancelled run again, if its file is still stored."""
    admission.require_room(run.owner, 0)
    if not storage.has_input(run.pk):
        raise RunConflictError("The uploaded file is no longer stored, so the run cannot be retried.")
    cleanup.tidy_up(run.pk)
    if not run.retry(scheduler.next_position(run.owner)):
        raise RunConflictError("Only a failed or cancelled run can be retried.")
    with log_run(run.pk):
        logger.info("queued again")
        dispatch.enqueue(run)


def notify_again(run: Run) -> None:
    """Send the run's notifications again that were given up."""
    if not run.notifications.send_again():
        raise RunConflictError("No notification of this run was given up.")
    with log_run(run.pk):
        logger.info("notifications are sent again")


def delete_run(run: Run) -> None:
    """Delete a run, its row and its files; cancel it first if needed."""
    run.cancel()
    with transaction.atomic():
        # While the row is locked, its worker cannot record another batch of alleles.
        Run.objects.select_for_update().filter(pk=run.pk).exists()
        Run.objects.filter(pk=run.pk).delete()
    storage.drop_run(run.pk)
    with log_run(run.pk):
        logger.info("deleted")


def mark_fetched(run: Run) -> None:
    """Note that the client has downloaded the whole result: its run_id may be used again."""
    Run.objects.filter(pk=run.pk, fetched=None).update(fetched=Now())
