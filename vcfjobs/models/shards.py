"""Shards: the parts of a large run, which any number of workers annotate at once."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Subquery, Sum

from vcfjobs.models.runs import Run, RunQuerySet
from vcfjobs.models.work_items import ACTIVE, Status, WorkItem, WorkItemQuerySet, seconds_from_now


class ShardQuerySet(WorkItemQuerySet["Shard"]):
    """Sets of shards, and their transitions; none happens but while the run is running.

    The run is looked at by EXISTS, never by a join: an UPDATE with a join compares the shard's own columns
    in a subquery, which PostgreSQL does not look at again after it has waited for another's UPDATE.
    """

    def claimable(self) -> Self:
        """Shards that a worker may take, of runs that go on."""
        return super().claimable().filter(_run_goes_on())

    def fenced_by(self, shard: Shard) -> Self:
        """The shard, as long as it runs under this attempt and its run goes on."""
        return super().fenced_by(shard).filter(_run_goes_on())

    def run_of(self, shard: Shard) -> RunQuerySet:
        """The run of the shard, as long as the shard is this attempt's."""
        return Run.objects.filter(Exists(self.fenced_by(shard)), pk=shard.run_id, status=Status.RUNNING)

    def claim_next(self, run_pk: Any, task_id: str, worker: str) -> Shard | None:
        """The first shard of the run that is to be had."""
        waiting = self.filter(run=run_pk).claimable().order_by("number").values_list("pk", flat=True)
        for pk in waiting[:10]:
            if shard := self.claim(pk, task_id, worker):
                return shard
        return None

    def save_progress(self, shard: Shard, records: int, input_bytes: int) -> bool:
        """The shard's progress, and with it the run's; False when the shard is no longer this attempt's."""
        if not super().save_progress(shard, records, input_bytes):
            return False
        Run.objects.filter(pk=shard.run_id, status=Status.RUNNING).update(
            records_done=_sum("records_done"), bytes_done=_sum("bytes_done")
        )
        return True

    def complete(self, shard: Shard, **outcome: Any) -> tuple[bool, Run | None]:
        """running -> succeeded; whether it hit, and the run when this was its last shard.

        The run then comes under a lease of the caller's, who is to join the parts. Both in one transaction
        that holds the run's row: of two last shards one sees the other.
        """
        with transaction.atomic():
            run = Run.objects.select_for_update().filter(pk=shard.run_id, status=Status.RUNNING).first()
            completed = self.fenced_by(shard).update(status=Status.SUCCEEDED, lease_until=None, **outcome)
            if run is None or not completed:
                return False, None
            if self.filter(run=run, status__in=ACTIVE).exists():
                return True, None
            Run.objects.fenced_by(run).update(
                lease_until=seconds_from_now(settings.ANYVAR_LEASE_SECONDS),
                deadline=seconds_from_now(settings.CELERY_HARD_LIMIT),
                task_id=shard.task_id,
                worker=shard.worker,
                records_done=_sum("records_done"),
                bytes_done=_sum("bytes_done"),
            )
        return True, run


class Shard(WorkItem):
    """The bytes [start, end) of a run's stored input, and with them the lines that begin there.

    `plan` is the attempt of the run that cut it up: it names the folder of the parts, so that the parts of
    an earlier cut are never taken for those of a later one. A shard fails only with its run.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shards", db_index=False)
    plan = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    start = models.BigIntegerField()
    end = models.BigIntegerField()

    part_bytes = models.BigIntegerField(null=True, help_text="Size of the part, BGZF without an end block.")
    part_text_bytes = models.BigIntegerField(null=True, help_text="Its size when decompressed.")

    objects = ShardQuerySet.as_manager()

    class Meta:
        ordering = ("run", "number")
        constraints = (models.UniqueConstraint(fields=("run", "number"), name="shard_once_a_run"),)
        indexes = (models.Index(fields=("status", "sent"), name="shard_by_status"),)

    def __str__(self) -> str:
        return f"{self.run_id}: shard {self.number}"

    @property
    def run_pk(self) -> UUID:
        """The key of its run."""
        return self.run_id

    @property
    def log_name(self) -> str:
        """How log lines name it."""
        return f"run {self.run_id}: shard {self.number}"


def _run_goes_on() -> Exists:
    return Exists(Run.objects.filter(pk=OuterRef("run_id"), status=Status.RUNNING))


def _sum(column: str) -> Subquery:
    """The sum of a column over the shards of the run that is updated."""
    shards = Shard.objects.filter(run=OuterRef("pk")).order_by().values("run")
    return Subquery(shards.annotate(total=Sum(column)).values("total"))
