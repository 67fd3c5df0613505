"""A piece of work that one worker holds at a time: its lease, its attempts, its progress.

A whole run is a piece, and so is each shard of a run that was cut up.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self, TypeVar, cast

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Combinable, CombinedExpression, ExpressionWrapper, Value
from django.db.models.functions import Now


def seconds_from_now(seconds: float) -> Combinable:
    """`seconds` after this instant on the database's clock, the one clock that all hosts share."""
    later = CombinedExpression(Now(), "+", Value(timedelta(seconds=seconds)))
    return ExpressionWrapper(later, output_field=models.DateTimeField())


class Status(models.TextChoices):
    """Where a run, or a shard of one, stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
ACTIVE = (Status.QUEUED, Status.RUNNING)


AnyWorkItem = TypeVar("AnyWorkItem", bound="WorkItem")


class WorkItemQuerySet(models.QuerySet[AnyWorkItem]):
    """Sets of pieces, and the transitions that runs and shards share: each one UPDATE."""

    def claimable(self) -> Self:
        """Pieces that a worker may take: queued, or running under a lease that is over."""
        lost = Q(status=Status.RUNNING, lease_until__lt=Now())
        return self.filter(Q(status=Status.QUEUED) | lost, attempt__lt=F("attempt_limit"))

    def fenced_by(self, piece: AnyWorkItem) -> Self:
        """The piece, as long as it still runs under the attempt that `piece` holds: the fence."""
        return self.filter(pk=piece.pk, attempt=piece.attempt, status=Status.RUNNING)

    def claim(self, pk: Any, task_id: str, worker: str) -> AnyWorkItem | None:
        """queued -> running under a fresh attempt and lease; None when there is nothing to take."""
        taken = (
            self.filter(pk=pk)
            .claimable()
            .update(
                status=Status.RUNNING,
                attempt=F("attempt") + 1,
                lease_until=seconds_from_now(settings.ANYVAR_LEASE_SECONDS),
                deadline=seconds_from_now(settings.CELERY_HARD_LIMIT),
                started=Now(),
                task_id=task_id,
                worker=worker,
                records_done=0,
                bytes_done=0,
            )
        )
        if not taken:
            return None
        # Between the UPDATE and this read nobody else can claim: the lease is fresh.
        return self.filter(pk=pk, status=Status.RUNNING, task_id=task_id).first()

    def renew(self, piece: AnyWorkItem, worked: float) -> bool:
        """Keep the lease; False when the piece is no longer this attempt's.

        `worked` seconds have been spent on it by the worker's own clock, which counts no suspension of the
        machine and no step of the database's clock: the deadline goes by that.
        """
        until = seconds_from_now(settings.ANYVAR_LEASE_SECONDS)
        deadline = seconds_from_now(settings.CELERY_HARD_LIMIT - worked)
        return bool(self.fenced_by(piece).update(lease_until=until, deadline=deadline))

    def save_progress(self, piece: AnyWorkItem, records: int, input_bytes: int) -> bool:
        """Records annotated and bytes of input consumed so far; False when no longer this attempt's."""
        return bool(self.fenced_by(piece).update(records_done=records, bytes_done=input_bytes))

    def requeue(self) -> int:
        """running -> queued, for pieces whose worker is lost and whose attempts are not used up."""
        return (
            self.leased()
            .filter(attempt__lt=F("attempt_limit"))
            .update(status=Status.QUEUED, lease_until=None, sent=None)
        )

    def leased(self) -> Self:
        """Pieces under a worker's lease, over or not; a run whose shards are under way has none."""
        return self.filter(status=Status.RUNNING, lease_until__isnull=False)

    def lost(self) -> Self:
        """Pieces whose lease is over."""
        return self.leased().filter(lease_until__lt=Now())

    def overdue(self) -> Self:
        """Pieces over their deadline whose lease is kept: a lapsed one says lost, not slow."""
        return self.leased().filter(deadline__lt=Now(), lease_until__gte=Now())

    def unsent(self) -> Self:
        """Pieces that wait and whose message no broker has taken yet."""
        return self.filter(status=Status.QUEUED, sent=None)


class WorkItem(models.Model):
    """What a worker claims, holds by its lease, and is fenced by the attempt for."""

    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveIntegerField(default=0, help_text="Only grows: the fence of every write.")
    attempt_limit = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    sent = models.DateTimeField(null=True, blank=True, help_text="When it was last handed to the broker.")
    task_id = models.CharField(max_length=255, blank=True, default="")
    worker = models.CharField(max_length=255, blank=True, default="")
    started = models.DateTimeField(null=True, blank=True)

    records_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0, help_text="Bytes of the stored input consumed.")
    report = models.JSONField(null=True, blank=True, help_text="The engine's report.")

    class Meta:
        abstract = True

    @classmethod
    def work_items(cls) -> WorkItemQuerySet[Any]:
        """All runs, or all shards, whichever this is."""
        return cast("WorkItemQuerySet[Any]", cls._default_manager.all())
