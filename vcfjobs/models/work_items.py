"""Work items: what one worker claims at a time, either a whole run or a shard of a large one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self, TypeVar, cast
from uuid import UUID

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
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
ACTIVE = (Status.QUEUED, Status.RUNNING)
ATTEMPTS_LEFT = Q(attempt__lt=F("attempt_limit"))

AnyWorkItem = TypeVar("AnyWorkItem", bound="WorkItem")


class WorkItemQuerySet(models.QuerySet[AnyWorkItem]):
    def live(self) -> Self:
        """Items that may change: all runs, and the shards whose run is running."""
        return self

    def claimable(self) -> Self:
        """Items that a worker may claim: queued, or running under an expired lease."""
        lost = Q(status=Status.RUNNING, lease_until__lt=Now())
        return self.live().filter(ATTEMPTS_LEFT, Q(status=Status.QUEUED) | lost)

    def claim(self, pk: Any, task_id: str, worker: str) -> AnyWorkItem | None:
        """queued -> running under a new attempt and lease; None when the item cannot be claimed."""
        claimed = (
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
        if not claimed:
            return None
        # Between the UPDATE and this read nobody else can claim: the lease is fresh.
        return self.filter(pk=pk, status=Status.RUNNING, task_id=task_id).first()

    def leased(self) -> Self:
        """Items under a worker's lease, expired or not. A run whose shards are under way has none."""
        return self.filter(status=Status.RUNNING, lease_until__isnull=False)

    def claimed_by(self, task_id: str, worker: str) -> Self:
        return self.leased().filter(task_id=task_id, worker=worker)

    def lost(self) -> Self:
        return self.leased().filter(lease_until__lt=Now())

    def overdue(self) -> Self:
        """Items past their deadline whose lease is renewed: an expired lease means lost, not slow."""
        return self.leased().filter(deadline__lt=Now(), lease_until__gte=Now())

    def used_up(self) -> Self:
        return self.exclude(ATTEMPTS_LEFT)

    def sendable(self) -> Self:
        """Items that wait for a worker, so that the broker should have a message for each."""
        return self.live().filter(status=Status.QUEUED)


class WorkItem(models.Model):
    """What a worker claims, keeps by renewing its lease, and is fenced by its attempt.

    Each method that changes the row is one conditional UPDATE. It returns whether it hit the row, and then
    the row in memory has changed with it.
    """

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

    @property
    def run_pk(self) -> UUID:
        """The key of the run that the item is, or is a shard of."""
        return cast("UUID", self.pk)

    @property
    def log_name(self) -> str:
        """How log lines name the attempt; the run is in the log's context."""
        return f"attempt {self.attempt}"

    @classmethod
    def work_items(cls) -> WorkItemQuerySet[Any]:
        return cast("WorkItemQuerySet[Any]", cls._default_manager.all())

    def fenced(self) -> WorkItemQuerySet[Any]:
        """The item's row, as long as it runs under this attempt.

        A run is cut and joined under one attempt, by different tasks: so the task counts too.
        """
        attempts = self.work_items().live().filter(pk=self.pk, attempt=self.attempt)
        return attempts.filter(task_id=self.task_id, status=Status.RUNNING)

    def has_succeeded(self) -> bool:
        """Whether the row says that this attempt succeeded."""
        rows = self.work_items().filter(pk=self.pk, attempt=self.attempt)
        return rows.filter(status=Status.SUCCEEDED).exists()

    def renew(self, worked: float) -> bool:
        """Renew the lease.

        `worked` seconds have been spent on the item by the worker's own clock, which counts no suspension
        of the machine and no step of the database's clock: it sets the deadline.
        """
        # Not kept in memory: it is called from a thread, and the worker reads neither.
        until = seconds_from_now(settings.ANYVAR_LEASE_SECONDS)
        deadline = seconds_from_now(settings.CELERY_HARD_LIMIT - worked)
        return bool(self.fenced().update(lease_until=until, deadline=deadline))

    def save_progress(self, records: int, input_bytes: int) -> bool:
        """Save the records annotated and the bytes of input consumed so far."""
        return self._update(self.fenced(), records_done=records, bytes_done=input_bytes)

    def requeue(self, lost: WorkItemQuerySet[Any]) -> bool:
        """running -> queued, for an item that is still one of the lost ones and has attempts left."""
        rows = lost.leased().filter(ATTEMPTS_LEFT)
        return self._update(rows, status=Status.QUEUED, lease_until=None, sent=None)

    def mark_sent(self) -> bool:
        """Note that a queued item is being sent, unless another process has sent it since it was read."""
        # "Not later than what was read", not "equal": SQLite keeps the database's clock in milliseconds
        # as text, which equals no parameter.
        unchanged = Q(sent=None) if self.sent is None else Q(sent__lte=self.sent)
        return bool(self.work_items().sendable().filter(unchanged, pk=self.pk).update(sent=Now()))

    def mark_unsent(self) -> None:
        """Note that the broker did not take what `mark_sent` announced."""
        self.work_items().sendable().filter(pk=self.pk).update(sent=self.sent)

    def _update(self, rows: WorkItemQuerySet[Any], **columns: Any) -> bool:
        if not rows.filter(pk=self.pk).update(**columns):
            return False
        for name, value in columns.items():
            if hasattr(value, "resolve_expression"):
                self.__dict__.pop(name, None)  # computed by the database: read when it is asked for
            else:
                setattr(self, name, value)
        return True
