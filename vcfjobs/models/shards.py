"""Shards: the parts of a large run, which any number of workers annotate at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, cast
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Subquery, Sum

from vcfjobs.errors import RunLostError, VcfJobsError
from vcfjobs.models.runs import Run, RunQuerySet
from vcfjobs.models.work_items import ACTIVE, Status, WorkItem, WorkItemQuerySet


class ShardQuerySet(WorkItemQuerySet["Shard"]):
    def live(self) -> Self:
        """The shards whose run is running.

        The run is looked at by EXISTS, never by a join: an UPDATE with a join compares the shard's own
        columns in a subquery, which PostgreSQL does not look at again after it has waited for another's
        UPDATE.
        """
        return self.filter(Exists(Run.objects.filter(pk=OuterRef("run_id"), status=Status.RUNNING)))

    def claim(self, pk: Any, task_id: str, worker: str) -> Shard | None:
        """queued -> running, as for a run; the run counts the attempts beyond the first."""
        shard = super().claim(pk, task_id, worker)
        if shard is not None and shard.attempt > 1:
            Run.objects.filter(pk=shard.run_id).update(shard_retries=F("shard_retries") + 1)
        return shard

    def claim_next(self, run_pk: Any, task_id: str, worker: str) -> Shard | None:
        claimable = self.filter(run=run_pk).claimable().order_by("number").values_list("pk", flat=True)
        for pk in claimable[:10]:
            if shard := self.claim(pk, task_id, worker):
                return shard
        return None

    def runs(self) -> RunQuerySet:
        return Run.objects.filter(Exists(self.filter(run=OuterRef("pk"))), status=Status.RUNNING)

    def cut(self, run: Run, ranges: Iterable[tuple[int, int]]) -> list[Shard]:
        """Record the shards of a run, in place of an earlier attempt's, and release the run to them.

        All or nothing. Its `Lease` must have ended. Called again, because the answer was lost with the
        connection, it returns what is recorded. Raises RunLostError when the run is no longer this attempt's.
        """
        shards = [
            Shard(
                run=run,
                cut_attempt=run.attempt,
                number=number,
                start=start,
                end=end,
                attempt_limit=settings.ANYVAR_RUN_MAX_ATTEMPTS,
            )
            for number, (start, end) in enumerate(ranges)
        ]
        with transaction.atomic():
            if not run.release_to_shards(len(shards)):
                if recorded := list(self.filter(run=run, cut_attempt=run.attempt)):
                    return recorded
                raise RunLostError
            self.filter(run=run).delete()
            run.batches.all().delete()
            return self.bulk_create(shards, batch_size=1000)


class Shard(WorkItem):
    """The bytes [start, end) of a run's stored input, and with them the lines that begin there.

    Its status changes only while its run is running. A shard does not fail: its run does.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="shards", db_index=False)
    # The column keeps its first name: workers of the release before may run beside these.
    cut_attempt = models.PositiveIntegerField(
        db_column="plan",
        help_text="The attempt of the run that cut it. It names the folder of the parts, so that those of an "
        "earlier cut are never taken for those of a later one.",
    )
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
        return self.run_id

    @property
    def log_name(self) -> str:
        return f"shard {self.number}, {super().log_name}"

    def save_progress(self, records: int, input_bytes: int) -> bool:
        if not super().save_progress(records, input_bytes):
            return False
        Run.objects.filter(pk=self.run_id, status=Status.RUNNING).update(**_progress_of_run())
        return True

    def succeed(self, **columns: Any) -> bool:
        """running -> succeeded; with its last shard the run is leased to this task, to join the parts.

        Both in one transaction that locks the run's row: of two last shards one sees the other.
        """
        with transaction.atomic():
            run = Run.objects.select_for_update().filter(pk=self.run_id, status=Status.RUNNING).first()
            if run is None or not self._update(
                self.fenced(), status=Status.SUCCEEDED, lease_until=None, **columns
            ):
                return False
            if not run.shards.filter(status__in=ACTIVE).exists():
                run.lease_to_join(self.task_id, self.worker, **_progress_of_run())
        return True

    def run_to_join(self) -> Run | None:
        """The run, when `succeed` has leased it to this shard's task."""
        return Run.objects.claimed_by(self.task_id, self.worker).filter(pk=self.run_id).first()

    def fail(self, error: VcfJobsError, traceback: str = "") -> bool:
        """running -> failed for the run, as long as the shard is this attempt's."""
        fenced = cast("ShardQuerySet", self.fenced())
        return Run(pk=self.run_id).fail(error, traceback, among=fenced.runs())


def _progress_of_run() -> dict[str, Subquery]:
    """The columns of a run that sum up its shards'."""
    shards = Shard.objects.filter(run=OuterRef("pk")).order_by().values("run")
    return {
        column: Subquery(shards.annotate(total=Sum(column)).values("total"))
        for column in ("records_done", "bytes_done")
    }
