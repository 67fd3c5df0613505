"""What the OpenAPI document says of each operation: parameters, responses, and an example of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest
from rest_framework import exceptions

from vcfjobs import errors
from vcfjobs.api import parameters, serializers
from vcfjobs.api.openapi import examples
from vcfjobs.api.openapi.responses import (
    BGZF,
    BYTES,
    CSV,
    NDJSON,
    PARQUET,
    TSV,
    UNAVAILABLE,
    DocumentedResponse,
    binary,
    empty,
    header,
    json_response,
    operation,
    parameter,
    text,
)
from vcfjobs.vrs.vcf.ingest import AnnotationsMissingError

# The order in which the document lists them is that of SPECTACULAR_SETTINGS.
vcf, runs, registry, service = (partial(operation, tag) for tag in ("VCF", "Runs", "Registry", "Service"))
RUN_ID = parameter(
    "path", "run_id", "The run_id, or the run's UUID.", By_the_run_id=examples.RUN_ID, By_the_UUID=examples.PK
)
VRS_ID = parameter("path", "vrs_id", "ga4gh:VA. and 32 characters.", rs6131543_T=examples.ALLELE["id"])
RETRY_AFTER = header("Retry-After", int, 202, 429, 503, description="Seconds until the next request.")
LOCATION = header("Location", str, 202, description="Where to poll.")
ETAG = header("ETag", str, 200, 206, 304, description="Changes with the representation.")
CONTENT_RANGE = header("Content-Range", str, 206, 416, description="Which bytes these are, of how many.")
NO_SUCH_OBJECT = json_response(404, serializers.DetailSerializer, examples.UNKNOWN_OBJECT, "Not registered")

# --- files in ---------------------------------------------------------------------------------------


def _file(content: str) -> dict[str, OpenApiRequest]:
    description = "The file in the multipart field `vcf`, or as the raw body."
    raw = {"type": "string", "format": "binary", "description": description}
    form = {"type": "object", "properties": {"vcf": raw}, "required": ["vcf"]}
    return {
        "multipart/form-data": OpenApiRequest(form, examples=[OpenApiExample("A form", {"vcf": content})]),
        BYTES: OpenApiRequest(raw, examples=[OpenApiExample("The file itself", content)]),
    }


_REFUSED_UPLOADS = (
    errors.InvalidVcfError("The file is not VCF: line 1 does not begin with ##fileformat=VCF."),
    errors.TruncatedUploadError(),
    errors.BadRequestError("The request contains no file. Send it in the form field vcf."),
    errors.RunIdInUseError(
        f"An existing run with id {examples.RUN_ID} is PENDING. Fetch the completed run result before "
        "submitting with the same run_id."
    ),
    errors.LengthRequiredError(),
    errors.UploadTooLargeError("The upload is larger than the limit of 68,719,476,736 bytes."),
    exceptions.ValidationError({"run_async": ["Must be true or false."]}),
    errors.UnknownAssemblyError(
        "The assembly 'GRCh38' is not registered. Registered: GRCh37.", registered=["GRCh37"]
    ),
    errors.SubmittedTooOftenError(12),
    errors.OwnerHasTooManyRunsError(20_000),
    errors.OwnerHasTooManyBytesError(10_737_418_240, 10_737_418_240),
    errors.StorageFullError(),
    errors.QueueFullError(),
    errors.NoReferenceError(),
    json_response(500, serializers.RunErrorSerializer, examples.FAILED, "The run in the request failed"),
)
_ACCEPTED = json_response(
    202, serializers.RunStatusSerializer, examples.SUBMITTED, "Accepted: poll at Location (run_async)"
)
_MISMATCH = errors.ReferenceMismatchError(
    "2 of the first 2 records name REF bases that are not those of GRCh37: is this the right assembly?",
    mismatches=2,
    records=2,
    fitting_assembly=None,
)


def submit(operation_id: str, method: str) -> Callable[[Any], Any]:
    """PUT or POST /vcf."""
    return vcf(
        operation_id,
        "Annotate a VCF",
        text(200, examples.ANNOTATED, "The annotated VCF (without run_async)"),
        _ACCEPTED,
        *_REFUSED_UPLOADS,
        _MISMATCH,
        parameters=(parameters.SubmitQuery, LOCATION, RETRY_AFTER, ETAG),
        request=_file(examples.VCF),
        methods=[method],
    )


def ingest(operation_id: str, method: str) -> Callable[[Any], Any]:
    """PUT or POST /annotated_vcf."""
    return vcf(
        operation_id,
        "Register the annotations of a VCF",
        json_response(200, serializers.RunStatusSerializer, examples.REGISTERED, "Registered"),
        text(200, examples.VALIDATION, "The disagreements (with require_validation)", CSV),
        _ACCEPTED,
        AnnotationsMissingError(),
        *_REFUSED_UPLOADS,
        parameters=(parameters.IngestQuery, LOCATION, RETRY_AFTER),
        request=_file(examples.CARRYING),
        methods=[method],
    )


# --- runs -------------------------------------------------------------------------------------------

_NOT_MODIFIED = empty(304, "The client's copy is current")
_TEXT_RANGE = text(206, "##fileformat", "The bytes of Range, here bytes=0-11")
_BGZF_RANGE = binary(206, BGZF, "The bytes of Range")
_NOT_MATCHING = empty(412, "If-Match or If-Unmodified-Since does not match")
_RANGES = (
    _NOT_MODIFIED,
    _NOT_MATCHING,
    empty(416, "The range is outside the file"),
)
_TSV = text(200, examples.TSV, "A line for each allele (TSV)", TSV)
_NDJSON = text(200, examples.NDJSON, "An object for each allele (NDJSON)", NDJSON)
_PARQUET = binary(200, PARQUET, "A row for each allele (Parquet)")
_NO_PARQUET = errors.ParquetUnavailableError()
_NO_RESULT = errors.RunConflictError("The run is running: it has no result.")

RESULT = vcf(
    "get_vcf",
    "Poll a run, then fetch its result",
    text(200, examples.ANNOTATED, "The annotated VCF"),
    binary(200, BGZF, "The annotated VCF as BGZF (format=vcf.gz)"),
    _TSV,
    _NDJSON,
    _PARQUET,
    text(200, examples.VALIDATION, "The disagreements (require_validation)", CSV),
    json_response(200, serializers.RunStatusSerializer, examples.REGISTERED, "Annotations registered"),
    json_response(202, serializers.RunStatusSerializer, examples.PENDING, "Queued or running"),
    _TEXT_RANGE,
    _BGZF_RANGE,
    *_RANGES,
    json_response(404, serializers.RunStatusSerializer, examples.UNKNOWN_RUN, "Run not found"),
    json_response(410, serializers.RunErrorSerializer, examples.EXPIRED, "Expired"),
    json_response(410, serializers.RunErrorSerializer, examples.CANCELLED, "Cancelled"),
    exceptions.ValidationError({"wait": ["A valid number is required."]}),
    json_response(
        500, serializers.RunErrorSerializer, examples.FAILED, "Failed; ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE"
    ),
    _NO_PARQUET,
    parameters=(RUN_ID, parameters.ResultQuery, RETRY_AFTER, ETAG, CONTENT_RANGE),
)


def one_run(
    operation_id: str, summary: str, *found: DocumentedResponse | Exception, parameters: Sequence[Any] = ()
) -> Callable[[Any], Any]:
    """An operation on one run, with the answer for an unknown one."""
    return runs(operation_id, summary, *found, errors.RunNotFoundError(), parameters=(RUN_ID, *parameters))


LIST = runs(
    "list_runs",
    "List your runs",
    json_response(200, serializers.RunListSerializer(many=True), examples.SUCCEEDED_RUN, "A page of runs"),
    exceptions.ValidationError({"status": ['"done" is not a valid choice.']}),
    parameters=(parameters.ListQuery,),
)
RETRIEVE = one_run(
    "get_run",
    "Everything about a run",
    json_response(200, serializers.RunSerializer, examples.WHOLE_RUN, "The run"),
    _NOT_MODIFIED,
    parameters=(ETAG,),
)
DESTROY = one_run("delete_run", "Delete a run and its files", empty(204, "Deleted"))
CANCEL = one_run(
    "cancel_run",
    "Cancel a run",
    json_response(202, serializers.RunListSerializer, examples.CANCELLED_RUN, "Cancelled"),
    errors.RunConflictError("The run has already ended, so there is nothing to cancel."),
)
RETRY = one_run(
    "retry_run",
    "Queue a failed or cancelled run again",
    json_response(202, serializers.RunListSerializer, examples.QUEUED_RUN, "Queued again"),
    errors.RunConflictError("The uploaded file is no longer stored, so the run cannot be retried."),
    errors.QueueFullError(),
    parameters=(RETRY_AFTER,),
)
FAILURES = one_run(
    "get_run_failures",
    "The records without identifier",
    json_response(200, serializers.FailuresSerializer, examples.FAILURES, "The failed records"),
)


def _download(operation_id: str, summary: str, *found: DocumentedResponse) -> Callable[[Any], Any]:
    return one_run(operation_id, summary, *found, *_RANGES, _NO_RESULT, parameters=(ETAG, CONTENT_RANGE))


RESULT_BGZF = _download(
    "get_run_result_bgzf", "The result as BGZF", binary(200, BGZF, "The whole file"), _BGZF_RANGE
)
RESULT_TEXT = _download(
    "get_run_result_text",
    "The result as plain text",
    text(200, examples.ANNOTATED, "The whole file"),
    _TEXT_RANGE,
)
RESULT_INDEX = _download(
    "get_run_result_index",
    "The tabix index of the result",
    binary(200, BYTES, "The index"),
    binary(206, BYTES, "The bytes of Range"),
)


def _table(operation_id: str, summary: str, *found: DocumentedResponse | Exception) -> Callable[[Any], Any]:
    """A download that is made on the way out, so it has no byte ranges."""
    return one_run(
        operation_id, summary, *found, _NOT_MODIFIED, _NOT_MATCHING, _NO_RESULT, parameters=(ETAG,)
    )


RESULT_TSV = _table("get_run_result_tsv", "The alleles of the result as TSV", _TSV)
RESULT_NDJSON = _table("get_run_result_ndjson", "The alleles of the result as NDJSON", _NDJSON)
RESULT_PARQUET = _table(
    "get_run_result_parquet", "The alleles of the result as Parquet", _PARQUET, _NO_PARQUET
)
RUN_ALLELES = one_run(
    "get_run_alleles",
    "The identifiers of a run's alleles",
    json_response(200, serializers.RunAllelesSerializer, examples.RUN_ALLELES, "A page of identifiers"),
    errors.InvalidCursorError(),
    parameters=(parameters.PageQuery,),
)

# --- the registry -----------------------------------------------------------------------------------

OBJECT = registry(
    "get_object",
    "An allele by its identifier",
    json_response(200, serializers.ObjectSerializer, examples.OBJECT, "The allele"),
    NO_SUCH_OBJECT,
    parameters=(VRS_ID,),
)
OBJECT_RUNS = registry(
    "get_object_runs",
    "Your runs that contain an allele",
    json_response(200, serializers.HoldingRunsSerializer, examples.HOLDING_RUNS, "A page of runs"),
    NO_SUCH_OBJECT,
    errors.InvalidCursorError(),
    parameters=(VRS_ID, parameters.PageQuery),
)
OBJECTS = registry(
    "get_objects",
    "Many alleles by their identifiers",
    json_response(200, serializers.ObjectsSerializer, examples.OBJECTS, "What is registered"),
    exceptions.ParseError(
        "JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    ),
    exceptions.UnsupportedMediaType("text/plain"),
    errors.RequestTooLargeError("These alleles are too large for one answer: ask for fewer at once."),
    exceptions.ValidationError({"ids": ["This field is required."]}),
    request=OpenApiRequest(
        serializers.IdsSerializer, examples=[OpenApiExample("Two identifiers", examples.IDS)]
    ),
)
VARIATIONS = registry(
    "get_variations",
    "Alleles that overlap an interval",
    json_response(200, serializers.VariationsSerializer, examples.VARIATIONS, "A page of alleles"),
    errors.SequenceNotFoundError("The sequence 'GRCh37:99' is not known here."),
    exceptions.ValidationError({"start": ["Must not be above end."]}),
    parameters=(
        parameters.VariationsQuery,
        parameter(
            "query",
            "accession",
            "SQ.…, ga4gh:SQ.… or assembly:contig.",
            A_contig_of_an_assembly=examples.PLACE["accession"],
            A_refget_accession=examples.ACCESSION,
        ),
        parameter("query", "start", "", Inter_residue=examples.PLACE["start"]),
        parameter("query", "end", "", Inter_residue=examples.PLACE["end"]),
    ),
)
STATS = registry(
    "get_stats", "Counts", json_response(200, serializers.StatsSerializer, examples.STATS, "Counts")
)

# --- the service ------------------------------------------------------------------------------------

SERVICE_INFO = service(
    "get_service_info",
    "What this service is (GA4GH service-info)",
    json_response(200, serializers.ServiceInfoSerializer, examples.SERVICE_INFO, "The service"),
    UNAVAILABLE,
    public=True,
)
METRICS = service(
    "get_metrics",
    "Metrics for Prometheus",
    text(200, examples.METRICS, "The first of the metrics"),
    exceptions.PermissionDenied(),
)
HEALTHZ = service(
    "get_health",
    "Is the process alive?",
    json_response(200, serializers.HealthSerializer, examples.ALIVE, "Alive"),
    public=True,
)
READYZ = service(
    "get_readiness",
    "Does the service have all it needs?",
    json_response(200, serializers.HealthSerializer, examples.READY, "Ready"),
    json_response(503, serializers.HealthSerializer, examples.NOT_READY, "Not ready"),
    public=True,
)
