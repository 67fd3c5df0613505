"""Runs: one a submitted VCF, with the transitions that a run alone knows."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Any, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from vcfjobs.errors import TimeLimitExceededError, VcfJobsError, WorkerLostError
from vcfjobs.models.work_items import ACTIVE, FINAL, Status, WorkItem, WorkItemQuerySet, seconds_from_now


class Kind(models.TextChoices):
    """What a run does with its file."""

    ANNOTATE = "annotate"
    INGEST = "ingest"


class RunQuerySet(WorkItemQuerySet["Run"]):
    """Sets of runs, and the transitions: each one UPDATE, true when it hit its row."""

    def owned_by(self, owner: str) -> Self:
        """The runs of one owner."""
        return self.filter(owner=owner)

    def answering_to(self, owner: str, run_id: str, *, everyone: bool = False) -> Self:
        """The runs that `owner` means: the current holder of the text, or the row of that UUID."""
        meant = Q(run_id=run_id, superseded=False)
        with suppress(ValueError):
            meant |= Q(pk=uuid.UUID(run_id))
        return (self if everyone else self.owned_by(owner)).filter(meant)

    def beginning_with(self, text: str) -> Self:
        """The runs whose run_id or file name begins with `text`, capitals told apart; found by indexes."""
        columns = ("run_id", "file_name")
        if connection.vendor == "postgresql":
            return self.filter(_any_of({f"{column}__startswith": text} for column in columns))
        # SQLite's LIKE takes no index; text is compared byte by byte, and no character is above the last.
        end = text + chr(sys.maxunicode)
        return self.filter(_any_of({f"{column}__gte": text, f"{column}__lt": end} for column in columns))

    def succeed(self, run: Run, **result: Any) -> bool:
        """running -> succeeded, with the columns of the result."""
        return bool(
            self.fenced_by(run).update(
                status=Status.SUCCEEDED,
                lease_until=None,
                finished=Now(),
                expires=seconds_from_now(settings.CELERY_RESULT_EXPIRES),
                bytes_done=F("input_bytes"),
                **result,
            )
        )

    def fail(self, error: VcfJobsError, traceback: str = "") -> int:
        """queued | running -> failed; the number of runs that it hit. Narrow the set first."""
        return self.filter(status__in=ACTIVE).update(
            status=Status.FAILED,
            lease_until=None,
            finished=Now(),
            expires=seconds_from_now(settings.CELERY_RESULT_EXPIRES),
            error_code=error.code if error.code in Run.FAILURE_CODES else "RUN_FAILURE",
            error=error.sentence,
            traceback=traceback,
        )

    def cancel(self) -> int:
        """queued | running -> cancelled; the number of runs that it hit."""
        return self.filter(status__in=ACTIVE).update(
            status=Status.CANCELLED,
            lease_until=None,
            finished=Now(),
            expires=seconds_from_now(settings.CELERY_RESULT_EXPIRES),
        )

    def retry(self, place: int = 0) -> int:
        """failed | cancelled -> queued at a place in the line, with as many attempts again."""
        # By the clock, and at the moment, by which the sweep expires.
        unexpired = Q(expires=None) | Q(expires__gt=Now())
        return self.filter(unexpired, status__in=(Status.FAILED, Status.CANCELLED), expired=None).update(
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
            place=place,
            error_code="",
            error="",
            traceback="",
        )

    def fail_lost(self) -> int:
        """running -> failed WORKER_LOST_ERROR, for runs whose worker is lost."""
        return self.filter(status=Status.RUNNING).fail(
            WorkerLostError("The worker that annotated the file was lost, and no attempts are left.")
        )

    def fail_overdue(self) -> int:
        """running -> failed TIME_LIMIT_EXCEEDED, for runs over their deadline."""
        return self.filter(status=Status.RUNNING).fail(
            TimeLimitExceededError(
                f"The run took longer than the limit of {settings.CELERY_HARD_LIMIT} seconds."
            )
        )


class Run(WorkItem):
    """One VCF submitted for annotation (or for the registration of the annotations that it carries).

    queued  -> running                    claim by a worker (attempt + 1, lease)
    running -> succeeded                  its worker, fenced by the attempt
    queued | running -> failed            its worker; or the sweep: attempts or deadline used up
    queued | running -> cancelled         the owner
    running -> queued                     the sweep: the worker is lost, attempts are left
    failed | cancelled -> queued          the owner's retry alone (attempt_limit = attempt + max)

    A large run is cut up by the worker that claims it: it stays running, without a lease of its own, while
    its shards are claimed one by one, and whoever completes the last takes the run's lease for the joining.

    succeeded never changes. `expires` is a time, not a status: from then on the bytes are gone.
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

    place = models.BigIntegerField(
        null=True, blank=True, help_text="Place in the line of turns; none while a request does it itself."
    )
    shard_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Into how many it was cut; 0: not at all."
    )

    result_bytes = models.BigIntegerField(null=True, blank=True, help_text="Size of the BGZF result.")
    result_text_bytes = models.BigIntegerField(null=True, blank=True, help_text="Size when decompressed.")
    result_sha256 = models.CharField(max_length=64, blank=True, default="")
    indexed = models.BooleanField(default=False, help_text="A tabix index lies beside the result.")
    records_without_ids = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Records that got no identifier: on unknown contigs, or with other bases than the reference.",
    )
    fetched = models.DateTimeField(null=True, blank=True, help_text="First download to the last byte.")

    error_code = models.CharField(max_length=32, blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="The sentence that the user reads.")
    traceback = models.TextField(blank=True, default="", help_text="For operators alone.")

    created = models.DateTimeField(default=timezone.now, editable=False)
    finished = models.DateTimeField(null=True, blank=True)
    expires = models.DateTimeField(null=True, blank=True, help_text="When the files go.")
    expired = models.DateTimeField(null=True, blank=True, help_text="When the files went.")

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
            # An error code, or an assembly, that few runs have or none is found without reading all runs.
            models.Index(
                fields=("error_code", "finished"), condition=Q(status=Status.FAILED), name="run_by_error_code"
            ),
            models.Index(fields=("assembly",), name="run_by_assembly"),
            # For the beginning of the text, whatever the database's collation.
            models.Index(fields=("run_id",), opclasses=("varchar_pattern_ops",), name="run_by_run_id"),
            models.Index(fields=("file_name",), opclasses=("varchar_pattern_ops",), name="run_by_file_name"),
            models.Index(fields=("expires",), condition=Q(expired=None), name="run_to_expire"),
            models.Index(fields=("place", "created"), condition=Q(status__in=ACTIVE), name="run_in_line"),
            models.Index(
                fields=("owner", "place"), condition=Q(status__in=ACTIVE), name="run_of_owner_in_line"
            ),
        )

    def __str__(self) -> str:
        return self.run_id

    @property
    def run_pk(self) -> uuid.UUID:
        """Its own key, as a shard's is its run's."""
        return self.pk

    @property
    def log_name(self) -> str:
        """How log lines name it."""
        return f"run {self.pk}"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended, well or badly."""
        return self.status in FINAL

    @property
    def is_expired(self) -> bool:
        """Whether the run's files are gone, or due to go at this instant."""
        return self.expired is not None or (self.expires is not None and self.expires <= timezone.now())

    @property
    def progress(self) -> float:
        """The fraction of the input consumed, 0 to 1."""
        if self.status == Status.SUCCEEDED:
            return 1.0
        return min(1.0, self.bytes_done / self.input_bytes) if self.input_bytes else 0.0

    @property
    def records_per_second(self) -> float | None:
        """Speed of the last attempt, None before it began."""
        if self.started is None:
            return None
        seconds = ((self.finished or timezone.now()) - self.started).total_seconds()
        return self.records_done / seconds if seconds > 0 and self.records_done else None

    @property
    def without_ids_sentence(self) -> str:
        """How many records of a succeeded run got no identifier; empty when all of them got one."""
        if not self.records_without_ids:
            return ""
        return f"{self.records_without_ids:,} of {self.records_done:,} records without identifiers"

    @property
    def is_retryable(self) -> bool:
        """Whether a retry may be asked for (its input may still be missing on disk)."""
        return self.status in (Status.FAILED, Status.CANCELLED) and not self.is_expired


def _any_of(conditions: Iterable[dict[str, Any]]) -> Q:
    return reduce(or_, (Q(**condition) for condition in conditions))
