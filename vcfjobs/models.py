"""The rows that last: runs, and the references they are annotated against.

The database is the only truth about a run. Whatever two processes may touch changes by one conditional
UPDATE whose row count is checked; nobody reads a run, changes it and saves it.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Combinable, CombinedExpression, ExpressionWrapper, Value
from django.db.models.functions import Now
from django.utils import timezone

from vcfjobs.errors import TimeLimitExceededError, VcfJobsError, WorkerLostError
from vcfjobs.fields import DigestField
from vcfjobs.vrs.digests import vrs_allele


def seconds_from_now(seconds: float) -> Combinable:
    """`seconds` after this instant on the database's clock, the one clock that all hosts share."""
    later = CombinedExpression(Now(), "+", Value(timedelta(seconds=seconds)))
    return ExpressionWrapper(later, output_field=models.DateTimeField())


class Status(models.TextChoices):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)
ACTIVE = (Status.QUEUED, Status.RUNNING)


class Kind(models.TextChoices):
    """What a run does with its file."""

    ANNOTATE = "annotate"
    INGEST = "ingest"


class RunQuerySet(models.QuerySet["Run"]):
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

    def claimable(self) -> Self:
        """Runs that a worker may take: queued, or running under a lease that is over."""
        lost = Q(status=Status.RUNNING, lease_until__lt=Now())
        return self.filter(Q(status=Status.QUEUED) | lost, attempt__lt=F("attempt_limit"))

    def mine(self, run: Run) -> Self:
        """The run, as long as it still runs under the attempt that `run` holds: the fence."""
        return self.filter(pk=run.pk, attempt=run.attempt, status=Status.RUNNING)

    def claim(self, pk: uuid.UUID, task_id: str, worker: str) -> Run | None:
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

    def renew(self, run: Run) -> bool:
        """Keep the lease; False when the run is no longer this attempt's."""
        return bool(self.mine(run).update(lease_until=seconds_from_now(settings.ANYVAR_LEASE_SECONDS)))

    def save_progress(self, run: Run, records: int, input_bytes: int) -> bool:
        """Records annotated and bytes of input consumed so far; False when no longer this attempt's."""
        return bool(self.mine(run).update(records_done=records, bytes_done=input_bytes))

    def succeed(self, run: Run, **result: Any) -> bool:
        """running -> succeeded, with the columns of the result."""
        return bool(
            self.mine(run).update(
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

    def requeue(self) -> int:
        """running -> queued, for runs whose worker is lost and whose attempts are not used up."""
        return self.filter(status=Status.RUNNING, attempt__lt=F("attempt_limit")).update(
            status=Status.QUEUED, lease_until=None, sent=None
        )

    def retry(self) -> int:
        """failed | cancelled -> queued, with as many attempts again."""
        unexpired = Q(expires=None) | Q(
            expires__gt=Now()
        )  # the clock and the moment by which the sweep expires
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


class Run(models.Model):
    """One VCF submitted for annotation (or for the registration of the annotations that it carries).

    queued  -> running                    claim by a worker (attempt + 1, lease)
    running -> succeeded                  its worker, fenced by the attempt
    queued | running -> failed            its worker; or the sweep: attempts or deadline used up
    queued | running -> cancelled         the owner
    running -> queued                     the sweep: the worker is lost, attempts are left
    failed | cancelled -> queued          the owner's retry alone (attempt_limit = attempt + max)

    succeeded never changes. `expires` is a time, not a status: from then on the bytes are gone.
    """

    FAILURE_CODES = ("TIME_LIMIT_EXCEEDED", "WORKER_LOST_ERROR", "RUN_FAILURE")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run_id = models.CharField(
        max_length=255, help_text="The client's name for the run; never part of a path."
    )
    superseded = models.BooleanField(default=False, help_text="A later run has taken over the run_id.")
    owner = models.CharField(max_length=80, blank=True, default="", db_index=True)
    task_id = models.CharField(max_length=255, blank=True, default="")
    worker = models.CharField(max_length=255, blank=True, default="")

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

    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    attempt = models.PositiveIntegerField(default=0, help_text="Only grows: the fence of every write.")
    attempt_limit = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    sent = models.DateTimeField(null=True, blank=True, help_text="When it was last handed to the broker.")

    records_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0, help_text="Bytes of the stored input consumed.")
    report = models.JSONField(null=True, blank=True, help_text="The engine's report.")

    result_bytes = models.BigIntegerField(null=True, blank=True, help_text="Size of the BGZF result.")
    result_text_bytes = models.BigIntegerField(null=True, blank=True, help_text="Size when decompressed.")
    result_sha256 = models.CharField(max_length=64, blank=True, default="")
    indexed = models.BooleanField(default=False, help_text="A tabix index lies beside the result.")
    fetched = models.DateTimeField(null=True, blank=True, help_text="First download to the last byte.")

    error_code = models.CharField(max_length=32, blank=True, default="")
    error = models.TextField(blank=True, default="", help_text="The sentence that the user reads.")
    traceback = models.TextField(blank=True, default="", help_text="For operators alone.")

    created = models.DateTimeField(default=timezone.now, editable=False)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)
    expires = models.DateTimeField(null=True, blank=True, help_text="When the files go.")
    expired = models.DateTimeField(null=True, blank=True, help_text="When the files went.")

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ("-created", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "run_id"), condition=Q(superseded=False), name="one_holder_of_a_run_id"
            ),
        )
        indexes = (
            models.Index(fields=("-created", "-id"), name="run_newest_first"),
            models.Index(fields=("owner", "-created", "-id"), name="run_newest_of_owner"),
            models.Index(fields=("status", "created"), name="run_by_status"),
            models.Index(fields=("expires",), condition=Q(expired=None), name="run_to_expire"),
        )

    def __str__(self) -> str:
        return self.run_id

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
    def is_retryable(self) -> bool:
        """Whether a retry may be asked for (its input may still be missing on disk)."""
        return self.status in (Status.FAILED, Status.CANCELLED) and not self.is_expired


class Sequence(models.Model):
    """A reference sequence by its refget accession. Alleles point here, whatever the assembly."""

    accession = models.CharField(max_length=35, unique=True, help_text="SQ. and the sha512t24u digest.")
    length = models.BigIntegerField()

    def __str__(self) -> str:
        return self.accession


class Allele(models.Model):
    """A registered allele: what its identifier is computed from. Location and VRS object are derived.

    [start, end) is inter-residue. The state is `literal`, or else a reference-length expression of
    `length` and `repeat_subunit_length`. `span` is the class of end - start: within a class no allele is
    longer than LONGEST_OF_SPAN says, so an overlap search is one range of starts a class, and a btree
    serves it; long deletions are few and have classes of their own.
    """

    LONGEST_OF_SPAN = (1, 16, 256, 4096, 65_536, 1 << 20, 1 << 24, 1 << 31)

    digest = DigestField(primary_key=True)
    # Without a constraint in the database: its check costs as much a row as all the rest of a load, and
    # sequences are never deleted.
    sequence = models.ForeignKey(
        Sequence, on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="alleles"
    )
    start = models.IntegerField()
    end = models.IntegerField()
    span = models.SmallIntegerField()
    length = models.IntegerField(null=True)
    repeat_subunit_length = models.IntegerField(null=True)
    literal = models.TextField(null=True)  # noqa: DJ001  (the empty sequence is a literal of its own)

    class Meta:
        indexes = (models.Index(fields=("sequence", "span", "start", "digest"), name="allele_overlap"),)

    def __str__(self) -> str:
        return f"ga4gh:VA.{self.digest}"

    def to_vrs(self) -> dict[str, Any]:
        """The whole VRS object, its identifier recomputed from the columns."""
        return vrs_allele(
            self.sequence.accession,
            self.start,
            self.end,
            literal=self.literal,
            length=self.length,
            repeat_subunit_length=self.repeat_subunit_length,
        )


class RunAlleles(models.Model):
    """Which alleles a run held: the sorted digests of one batch of it, 24 bytes each, on end."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batches", db_index=False)
    ordinal = models.IntegerField()
    digests = models.BinaryField()

    class Meta:
        verbose_name_plural = "run alleles"
        constraints = (models.UniqueConstraint(fields=("run", "ordinal"), name="batch_once_a_run"),)

    def __str__(self) -> str:
        return f"{self.run_id}: batch {self.ordinal}"


class Assembly(models.Model):
    """A registered reference genome: a named set of contigs."""

    name = models.CharField(max_length=100, unique=True)
    source = models.CharField(max_length=255, blank=True, default="", help_text="Name of the FASTA file.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "assemblies"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Contig(models.Model):
    """One contig of an assembly: a name, a sequence, and the bytes that stand for it on disk.

    `content` is the accession of the file's own bytes and names the flat file. It differs from the
    sequence's accession where the operator took the canonical one for a masked copy: the two never share
    a file, so a masked copy never shadows the real sequence.
    """

    assembly = models.ForeignKey(Assembly, on_delete=models.CASCADE, related_name="contigs")
    ordinal = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    aliases = models.JSONField(default=list)
    sequence = models.ForeignKey(Sequence, on_delete=models.PROTECT, related_name="contigs")
    content = models.CharField(max_length=35)

    class Meta:
        ordering = ("assembly", "ordinal")
        constraints = (models.UniqueConstraint(fields=("assembly", "name"), name="contig_once_an_assembly"),)

    def __str__(self) -> str:
        return self.name
