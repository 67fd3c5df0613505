"""One class per way a request or a run can fail: its code, its HTTP status and its sentence for the user.

A sentence never contains a path, a driver's message, a traceback or the contents of a record.
"""

from __future__ import annotations

from typing import Any, ClassVar


class VcfJobsError(Exception):
    """Base of every error that a user may see.

    `sentence` is what the user reads, by default `standard`; `extra` are further members of the problem
    document.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    standard: ClassVar[str] = "The service failed unexpectedly. Its operator finds the cause in the log."
    retry_after: int | None = None  # whole seconds after which the same request may succeed

    def __init__(self, sentence: str = "", **extra: Any) -> None:
        self.sentence = sentence or self.standard
        super().__init__(self.sentence)
        self.extra = extra


# --- what is wrong with a request -------------------------------------------------------------


class BadRequestError(VcfJobsError):
    """The request cannot be read."""

    code = "BAD_REQUEST"
    status = 400
    title = "Bad request"


class InvalidVcfError(BadRequestError):
    """The upload is not a VCF that the service can annotate; the sentence names the line where it can."""

    code = "INVALID_VCF"
    title = "Not a usable VCF"


class TruncatedUploadError(BadRequestError):
    """Fewer bytes arrived than Content-Length announced."""

    code = "TRUNCATED_UPLOAD"
    title = "Truncated upload"
    standard = "The upload ended before its Content-Length. Nothing of it was kept. Send it again."


class RunIdInUseError(BadRequestError):
    """Another run of the same owner uses this run_id (AnyVar's answer, status 400)."""

    code = "RUN_ID_IN_USE"
    title = "Run id in use"


class InvalidParameterError(VcfJobsError):
    """A query parameter is unknown or has a wrong value."""

    code = "INVALID_PARAMETER"
    status = 422
    title = "Invalid parameter"


class InvalidCursorError(InvalidParameterError):
    """The cursor of a page was not issued by this service."""

    standard = "cursor: Not a cursor issued by this service."


class UnknownAssemblyError(InvalidParameterError):
    """The assembly is not registered; the sentence names those that are."""

    code = "UNKNOWN_ASSEMBLY"
    title = "Unknown assembly"


class ReferenceMismatchError(InvalidParameterError):
    """The REF bases of the first records disagree with the assembly."""

    code = "REFERENCE_MISMATCH"
    title = "Reference mismatch"


class LengthRequiredError(VcfJobsError):
    """The upload carries no Content-Length."""

    code = "LENGTH_REQUIRED"
    status = 411
    title = "Length required"
    standard = "The upload needs a Content-Length; chunked bodies are not accepted."


class RequestTooLargeError(VcfJobsError):
    """The body of a call, or its answer, is larger than what may be kept in memory."""

    code = "REQUEST_TOO_LARGE"
    status = 413
    title = "Request too large"


class UploadTooLargeError(VcfJobsError):
    """The upload is above a size limit."""

    code = "UPLOAD_TOO_LARGE"
    status = 413
    title = "Upload too large"


class RunNotFoundError(VcfJobsError):
    """No such run, or not one of the caller's."""

    code = "NOT_FOUND"
    status = 404
    title = "Not found"
    standard = "Run not found"


class ResultExpiredError(RunNotFoundError):
    """The run's files were deleted at its expiry."""

    standard = "The result has expired: its files are deleted."


class SequenceNotFoundError(VcfJobsError):
    """The reference sequence is not registered."""

    code = "SEQUENCE_NOT_FOUND"
    status = 404
    title = "Sequence not found"


class RunConflictError(VcfJobsError):
    """The run's status does not allow what was asked."""

    code = "CONFLICT"
    status = 409
    title = "Conflict"


class StorageFullError(VcfJobsError):
    """No space is left for the upload or the result."""

    code = "STORAGE_FULL"
    status = 503
    title = "Storage full"
    standard = "The service has no space left for this file. Try again later."
    retry_after = 60


class QueueFullError(VcfJobsError):
    """ANYVAR_MAX_QUEUED_RUNS runs are queued."""

    code = "QUEUE_FULL"
    status = 503
    title = "Queue full"
    standard = "Too many runs are queued. Try again later."
    retry_after = 60


class OwnerHasTooManyRunsError(VcfJobsError):
    """The owner has reached ANYVAR_OWNER_MAX_RUNS."""

    code = "TOO_MANY_RUNS"
    status = 429
    title = "Too many runs"
    retry_after = 30

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You have reached the limit of {limit:,} active runs. Wait until some end, or cancel some."
        )


class OwnerHasTooManyBytesError(VcfJobsError):
    """The owner's files would exceed ANYVAR_OWNER_MAX_BYTES."""

    code = "TOO_MANY_BYTES"
    status = 429
    title = "Too many bytes"
    retry_after = 300

    def __init__(self, stored: int, limit: int) -> None:
        super().__init__(
            f"Your files use {stored:,} of the {limit:,} bytes that you may store. "
            "Delete runs, or wait until they expire."
        )


class SubmittedTooOftenError(VcfJobsError):
    """The owner has reached ANYVAR_SUBMIT_RATE; `seconds` until the next submit is accepted."""

    code = "THROTTLED"
    status = 429
    title = "Too many requests"

    def __init__(self, seconds: int) -> None:
        wait = f"{seconds} s" if seconds < 100 else f"{-(-seconds // 60):,} minutes"
        super().__init__(f"Submission rate limit reached. Try again in {wait}.")
        self.retry_after = seconds


class NoReferenceError(VcfJobsError):
    """No reference assembly is registered."""

    code = "NO_REFERENCE"
    status = 503
    title = "No reference registered"
    standard = "No reference assembly is registered. Its operator runs: manage.py load_reference NAME FASTA"


# --- how a run fails (AnyVar's three codes, and ours) -------------------------------------


class RunFailureError(VcfJobsError):
    """The run failed for a reason in its input or in the service."""

    code = "RUN_FAILURE"
    title = "Run failed"


class MalformedRecordError(RunFailureError):
    """A line of the file is not a VCF record; the sentence names the line number, never its contents."""


class HostileInputError(RunFailureError):
    """The file exceeds an absolute limit (line, header, decompressed size or ratio)."""

    code = "INPUT_OVER_LIMIT"
    status = 413
    title = "File over a limit"


class TimeLimitExceededError(VcfJobsError):
    """The run exceeded its time limit."""

    code = "TIME_LIMIT_EXCEEDED"
    title = "Time limit exceeded"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"The run took longer than the limit of {seconds} seconds.")


class WorkerLostError(VcfJobsError):
    """The worker died, and no attempts are left."""

    code = "WORKER_LOST_ERROR"
    title = "Worker lost"

    def __init__(self) -> None:
        super().__init__("The worker that annotated the file was lost, and no attempts are left.")


class RunLostError(Exception):
    """A conditional UPDATE of this attempt hit no row: the run was cancelled, deleted or taken over.

    Never shown to a user: the worker stops and removes its own files.
    """
