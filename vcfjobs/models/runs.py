"""Runs: one for each submitted VCF."""

from __future__ import annotations

import sys
import uuid
from contextlib import suppress
from typing import Any, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Case, F, Q, Sum, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from vcfjobs.errors import VcfJobsError
from vcfjobs.models.notifications import Notification
from vcfjobs.models.work_items import ACTIVE, FINAL, Status, WorkItem, WorkItemQuerySet, seconds_from_now
from vcfjobs.vrs import versions


class Kind(models.TextChoices):
    ANNOTATE = "annotate"
    INGEST = "ingest"


class RunQuerySet(WorkItemQuerySet["Run"]):
    def named(self, text: str, owner: str = "") -> Self:
        """The runs that have this run_id, and the one that has it as its primary key.

        First that of the key, unless a later run has taken over its run_id; then that of `owner`.
        """
        meant, preferred = Q(run_id=text, superseded=False), [Q(owner=owner)]
        with suppress(ValueError):
            key = Q(pk=uuid.UUID(text))
            meant, preferred = meant | key, [key, *preferred]
        ranks = (Case(When(each, then=0), default=1) for each in preferred)
        return self.filter(meant).order_by("superseded", *ranks, "-created", "-id")

    def beginning_with(self, text: str) -> Self:
        """The runs whose run_id or file name begins with `text`, case-sensitive; uses indexes."""
        if connection.vendor == "postgresql":
            return self.filter(Q(run_id__startswith=text) | Q(file_name__startswith=text))
        # SQLite's LIKE uses no index. Text is compared byte by byte, and `end` has the largest character.
        end = text + chr(sys.maxunicode)
        by_run_id = Q(run_id__gte=text, run_id__lt=end)
        return self.filter(by_run_id | Q(file_name__gte=text, file_name__lt=end))

    def runs(self) -> RunQuerySet:
        return self.filter(status=Status.RUNNING)

    def to_tell(self) -> Self:
        """The runs of whose end somebody wants to be told."""
        return self.exclude(callback_url="", email_owner=False).defer("report", "traceback")


def retries() -> Combinable:
    """The sum of the attempts beyond the first, of runs and of their shards."""
    of_runs = Coalesce(Sum(F("attempt") - 1, filter=Q(attempt__gt=1)), 0)
    return of_runs + Coalesce(Sum("shard_retries"), 0)


class Run(WorkItem):
    """One VCF submitted for annotation, or for the registration of the annotations in it.

    queued  -> running             claim: by a worker (attempt + 1, lease)
    running -> succeeded           succeed: by its worker, fenced by the attempt
    running -> failed              fail: by its worker; by the sweep when attempts or deadline are used up
    queued | running -> cancelled  cancel: by the owner
    running -> queued              requeue: by the sweep; the worker is lost and attempts are left
    failed | cancelled -> queued   retry: by the owner only (attempt_limit = attempt + max)

    The worker that claims a large run cuts it into shards (`Shard.objects.cut`). The run stays running,
    without a lease of its own, while its shards are claimed one by one. The worker that completes the last
    shard takes the run's lease (`Shard.succeed`) and joins the parts.

    succeeded never changes. `expires` is a time, not a status: the files are deleted then.
    """

    FAILURE_CODES = ("TIME_LIMIT_EXCEEDED", "WORKER_LOST_ERROR", "RUN_FAILURE")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run_id = models.CharField(
        max_length=255, help_text="The client's name for the run; never part of a path."
    )
    superseded = models.BooleanField(default=False, help_text="A later run has taken over the run_id.")
    owner = models.CharField(max_length=80, blank=True, default="", db_index=True)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ANNOTATE)
    assembly = models.CharField(max_length=100)
    for_ref = models.BooleanField(default=True)
    add_vrs_attributes = models.BooleanField(default=False)
    register = models.BooleanField(default=True)
    vrs_version = models.CharField(
        "VRS version", max_length=8, default=versions.DEFAULT, db_default=versions.DEFAULT
    )
    require_validation = models.BooleanField(default=False)

    file_name = models.CharField(max_length=255, blank=True, default="")
    input_format = models.CharField(max_length=16, blank=True, default="")
    input_bytes = models.BigIntegerField(default=0)
    input_sha256 = models.CharField(max_length=64, blank=True, default="")
    input_annotated_by = models.CharField(
        max_length=160,
        blank=True,
        default="",
        db_default="",
        help_text="The tool that the header names for the VRS identifiers that the file came with.",
    )

    callback_url = models.CharField(
        max_length=2000, blank=True, default="", db_default="", help_text="Gets a webhook when the run ends."
    )
    email_owner = models.BooleanField(
        default=False, db_default=False, help_text="The owner gets an e-mail when the run ends."
    )

    # The column keeps its first name: workers of the release before may run beside these.
    queue_position = models.BigIntegerField(
        null=True,
        blank=True,
        db_column="place",
        help_text="Position in the queue; empty for a run that a request does itself.",
    )
    shard_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Number of shards; 0 when the run is not cut."
    )
    shard_retries = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Attempts at its shards beyond the first of each."
    )

    result_bytes = models.BigIntegerField(null=True, blank=True, help_text="Size of the BGZF result.")
    result_text_bytes = models.BigIntegerField(null=True, blank=True, help_text="Size when decompressed.")
    result_sha256 = models.CharField(max_length=64, blank=True, default="")
    indexed = models.BooleanField(default=False, help_text="A tabix index lies beside the result.")
    records_without_ids = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Records without an identifier: on an unknown contig, or REF differs from the reference.",
    )
    fetched = models.DateTimeField(null=True, blank=True, help_text="First download to the last byte.")

    error_code = models.CharField(max_length=32, blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="The sentence that the user reads.")
    traceback = models.TextField(blank=True, default="", help_text="For operators alone.")

    created = models.DateTimeField(default=timezone.now, editable=False)
    finished = models.DateTimeField(null=True, blank=True)
    expires = models.DateTimeField(null=True, blank=True, help_text="When the files will be deleted.")
    expired = models.DateTimeField(null=True, blank=True, help_text="When the files were deleted.")

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "-id")
        permissions = (("view_run_traceback", "Can view the traceback of run"),)
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "run_id"), condition=Q(superseded=False), name="one_holder_of_a_run_id"
            ),
        )
        indexes = (
            models.Index(fields=("-created", "-id"), name="run_newest_first"),
            models.Index(fields=("owner", "-created", "-id"), name="run_newest_of_owner"),
            models.Index(fields=("status", "created"), name="run_by_status"),
            models.Index(fields=("status", "finished"), name="run_by_end"),
            # An error code or assembly that few runs have, or none, is found without reading all runs.
            models.Index(
                fields=("error_code", "finished"), condition=Q(status=Status.FAILED), name="run_by_error_code"
            ),
            models.Index(fields=("assembly",), name="run_by_assembly"),
            # For the beginning of the text, whatever the database's collation.
            models.Index(fields=("run_id",), opclasses=("varchar_pattern_ops",), name="run_by_run_id"),
            models.Index(fields=("file_name",), opclasses=("varchar_pattern_ops",), name="run_by_file_name"),
            models.Index(fields=("expires",), condition=Q(expired=None), name="run_to_expire"),
            models.Index(
                fields=("queue_position", "created"), condition=Q(status__in=ACTIVE), name="run_in_line"
            ),
            models.Index(
                fields=("owner", "queue_position"),
                condition=Q(status__in=ACTIVE),
                name="run_of_owner_in_line",
            ),
        )

    def __str__(self) -> str:
        return self.run_id

    def succeed(self, **result: Any) -> bool:
        return self._end(self.fenced(), Status.SUCCEEDED, bytes_done=F("input_bytes"), **result)

    def fail(self, error: VcfJobsError, traceback: str = "", *, among: RunQuerySet | None = None) -> bool:
        """running -> failed, if this attempt has the lease or, with `among`, if the run is one of those."""
        return self._end(
            self.fenced().leased() if among is None else among.filter(status=Status.RUNNING),
            Status.FAILED,
            error_code=error.code if error.code in Run.FAILURE_CODES else "RUN_FAILURE",
            error=error.sentence,
            traceback=traceback,
        )

    def cancel(self) -> bool:
        return self._end(Run.objects.filter(status__in=ACTIVE), Status.CANCELLED)

    def retry(self, queue_position: int = 0) -> bool:
        """failed | cancelled -> queued, with as many attempts again, unless its files have expired."""
        # By the same clock and the same comparison as the sweep.
        unexpired = Q(expires=None) | Q(expires__gt=Now())
        ended = Run.objects.filter(unexpired, status__in=(Status.FAILED, Status.CANCELLED), expired=None)
        return self._update(
            ended,
            status=Status.QUEUED,
            attempt_limit=F("attempt") + settings.ANYVAR_RUN_MAX_ATTEMPTS,
            lease_until=None,
            sent=None,
            started=None,
            finished=None,
            expires=None,
            records_done=0,
            bytes_done=0,
            report=None,
            shard_count=0,
            queue_position=queue_position,
            error_code="",
            error="",
            traceback="",
        )

    def release_to_shards(self, count: int) -> bool:
        """Give up the lease: from now on workers claim its shards."""
        return self._update(self.fenced().leased(), lease_until=None, deadline=None, shard_count=count)

    def lease_to_join(self, task_id: str, worker: str, **progress: Any) -> bool:
        """Take the lease for the worker that completed the last shard."""
        return self._update(
            self.fenced(),
            lease_until=seconds_from_now(settings.ANYVAR_LEASE_SECONDS),
            deadline=seconds_from_now(settings.CELERY_HARD_LIMIT),
            task_id=task_id,
            worker=worker,
            **progress,
        )

    def move_to(self, queue_position: int) -> bool:
        """Move an active run in the queue, unless another process has moved it since it was read."""
        unmoved = Run.objects.filter(queue_position=self.queue_position, status__in=ACTIVE)
        return self._update(unmoved, queue_position=queue_position)

    def _end(self, rows: WorkItemQuerySet[Any], status: Status, **columns: Any) -> bool:
        """End the run and record, in the same transaction, whom to tell."""
        with transaction.atomic():
            ended = self._update(
                rows,
                status=status,
                lease_until=None,
                finished=Now(),
                expires=seconds_from_now(settings.CELERY_RESULT_EXPIRES),
                **columns,
            )
            if ended and (told := Run.objects.filter(pk=self.pk).to_tell().first()):
                Notification.objects.note_end(told)
        return ended

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_expired(self) -> bool:
        """Whether the run's files are deleted, or due for deletion."""
        return self.expired is not None or (self.expires is not None and self.expires <= timezone.now())

    @property
    def progress(self) -> float:
        """The fraction of the input consumed, 0 to 1."""
        if self.status == Status.SUCCEEDED:
            return 1.0
        return min(1.0, self.bytes_done / self.input_bytes) if self.input_bytes else 0.0

    @property
    def seconds_taken(self) -> float | None:
        """Seconds that the last attempt has taken so far, or in all; None before it began."""
        if self.started is None:
            return None
        return ((self.finished or timezone.now()) - self.started).total_seconds()

    @property
    def records_per_second(self) -> float | None:
        seconds = self.seconds_taken or 0
        return self.records_done / seconds if seconds > 0 and self.records_done else None

    @property
    def without_ids_sentence(self) -> str:
        """How many records of a succeeded run got no identifier; empty if all got one."""
        if not self.records_without_ids:
            return ""
        return f"{self.records_without_ids:,} of {self.records_done:,} records without identifiers"

    @property
    def is_retryable(self) -> bool:
        """Whether a retry may be asked for (its input may still be missing on disk)."""
        return self.status in (Status.FAILED, Status.CANCELLED) and not self.is_expired
