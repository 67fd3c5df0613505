"""One class per way a request or a run can fail: its code, its HTTP status and its sentence for the user.

A sentence never contains a path, a driver's message, a traceback or the contents of a record.
"""

from __future__ import annotations

from typing import Any, ClassVar


class VcfJobsError(Exception):
    """Base of every error that a user may see.

    `sentence` is what the user reads, by default `standard`; `extra` are further members of the problem
    document, whose title follows from the code where none is given.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    title: ClassVar[str] = ""
    standard: ClassVar[str] = "The service failed unexpectedly. Its operator finds the cause in the log."
    retry_after: int | None = None  # whole seconds after which the same request may succeed

    def __init_subclass__(cls, *, code: str = "", status: int = 0, title: str = "") -> None:
        """What a class does not set is its base's."""
        cls.code = code or cls.code
        cls.status = status or cls.status
        cls.title = title or cls.title

    def __init__(self, sentence: str = "", **extra: Any) -> None:
        self.sentence = sentence or self.standard
        super().__init__(self.sentence)
        self.extra = extra


# --- what is wrong with a request -------------------------------------------------------------


class BadRequestError(VcfJobsError, code="BAD_REQUEST", status=400):
    """The request cannot be used."""


class InvalidVcfError(BadRequestError, code="INVALID_VCF", title="Not a usable VCF"):
    """The upload is not a VCF that the service can annotate; the sentence names the line where it can."""


class TruncatedUploadError(BadRequestError, code="TRUNCATED_UPLOAD"):
    standard = "The upload ended before its Content-Length. Nothing of it was kept. Send it again."


class RunIdInUseError(BadRequestError, code="RUN_ID_IN_USE"):
    """Another run of the same owner uses this run_id (AnyVar's answer, status 400)."""


class InvalidParameterError(VcfJobsError, code="INVALID_PARAMETER", status=422):
    """A parameter has a value that is not accepted; the sentence names both."""


class InvalidCursorError(InvalidParameterError):
    standard = "cursor: Not a cursor issued by this service."


class UnknownAssemblyError(InvalidParameterError, code="UNKNOWN_ASSEMBLY"):
    """The assembly is not registered; the sentence names those that are."""


class ReferenceMismatchError(InvalidParameterError, code="REFERENCE_MISMATCH"):
    """The REF bases of the first records disagree with the assembly."""


class LengthRequiredError(VcfJobsError, code="LENGTH_REQUIRED", status=411):
    standard = "The upload needs a Content-Length; chunked bodies are not accepted."


class RequestTooLargeError(VcfJobsError, code="REQUEST_TOO_LARGE", status=413):
    """The body of a call, or its answer, is larger than what may be kept in memory."""


class UploadTooLargeError(VcfJobsError, code="UPLOAD_TOO_LARGE", status=413):
    """The file is larger than ANYVAR_MAX_UPLOAD_BYTES, or than a request without a run may send."""


class RunNotFoundError(VcfJobsError, code="NOT_FOUND", status=404):
    standard = "Run not found"


class ResultExpiredError(RunNotFoundError):
    standard = "The result has expired: its files are deleted."


class SequenceNotFoundError(VcfJobsError, code="SEQUENCE_NOT_FOUND", status=404):
    """No assembly has this sequence."""


class RunConflictError(VcfJobsError, code="CONFLICT", status=409):
    """The run's state does not allow the request."""


class StorageFullError(VcfJobsError, code="STORAGE_FULL", status=503):
    standard = "The service has no space left for this file. Try again later."
    retry_after = 60


class QueueFullError(VcfJobsError, code="QUEUE_FULL", status=503):
    """ANYVAR_MAX_QUEUED_RUNS runs are queued."""

    standard = "Too many runs are queued. Try again later."
    retry_after = 60


class OwnerHasTooManyRunsError(VcfJobsError, code="TOO_MANY_RUNS", status=429):
    """The owner has reached ANYVAR_OWNER_MAX_RUNS."""

    retry_after = 30

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You have reached the limit of {limit:,} active runs. Wait until some end, or cancel some."
        )


class OwnerHasTooManyBytesError(VcfJobsError, code="TOO_MANY_BYTES", status=429):
    """The owner's files would exceed ANYVAR_OWNER_MAX_BYTES."""

    retry_after = 300

    def __init__(self, stored: int, limit: int) -> None:
        super().__init__(
            f"Your files use {stored:,} of the {limit:,} bytes that you may store. "
            "Delete runs, or wait until they expire."
        )


class SubmittedTooOftenError(VcfJobsError, code="THROTTLED", status=429, title="Too many requests"):
    """The owner has reached ANYVAR_SUBMIT_RATE; `seconds` until the next submit is accepted."""

    def __init__(self, seconds: int) -> None:
        wait = f"{seconds} s" if seconds < 100 else f"{-(-seconds // 60):,} minutes"
        super().__init__(f"Submission rate limit reached. Try again in {wait}.")
        self.retry_after = seconds


class ParquetUnavailableError(VcfJobsError, code="PARQUET_UNAVAILABLE", status=501):
    standard = (
        "Parquet cannot be written here, because the Python package pyarrow is not installed. "
        "Use TSV or NDJSON, or install it: pip install '.[parquet]'"
    )


class IdentityProviderUnavailableError(VcfJobsError, code="IDENTITY_PROVIDER_UNAVAILABLE", status=503):
    """The provider's keys are needed to check a token, and cannot be fetched."""

    standard = (
        "The identity provider does not answer, so the bearer token cannot be checked. Try again later."
    )

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.retry_after = seconds


class TooManyTokensError(VcfJobsError, code="TOO_MANY_TOKENS", status=409):
    """The account has the most API tokens that one may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You have {limit} API tokens, the most that an account may have. Revoke some first."
        )


class NoReferenceError(VcfJobsError, code="NO_REFERENCE", status=503, title="No reference registered"):
    standard = "No reference assembly is registered. Its operator runs: manage.py load_reference NAME FASTA"


# --- how a run fails (AnyVar's three codes, and ours) -------------------------------------


class RunFailureError(VcfJobsError, code="RUN_FAILURE", title="Run failed"):
    """The run has failed; the sentence says why."""


class DamagedReferenceError(RunFailureError, code="NO_REFERENCE", status=503, title="Reference damaged"):
    """The file of a reference sequence is missing or damaged; the sentence names contig and assembly."""

    retry_after = 60

    def __init__(self, contig: str, assembly: str) -> None:
        super().__init__(
            f"The sequence of contig {contig} of {assembly} is missing or damaged on the service's disk. "
            f"Its operator registers it again: manage.py load_reference {assembly} FASTA. "
            "All workers must share the folder of reference sequences."
        )


class MalformedRecordError(RunFailureError):
    """A line of the file is not a VCF record; the sentence names the line number, never its contents."""


class HostileInputError(RunFailureError, code="INPUT_OVER_LIMIT", status=413, title="File over a limit"):
    """The file exceeds an absolute limit (line, header, decompressed size or ratio)."""


class TimeLimitExceededError(VcfJobsError, code="TIME_LIMIT_EXCEEDED"):
    def __init__(self, seconds: int) -> None:
        super().__init__(f"The run took longer than the limit of {seconds} seconds.")


class WorkerLostError(VcfJobsError, code="WORKER_LOST_ERROR", title="Worker lost"):
    standard = "The worker that annotated the file was lost, and no attempts are left."


class RunLostError(Exception):
    """A conditional UPDATE of this attempt hit no row: the run was cancelled, deleted or taken over.

    Never shown to a user: the worker stops and removes its own files.
    """


class NotDeliveredError(Exception):
    """A notification was not sent, or not accepted; its text is a sentence for the owner of the run."""
