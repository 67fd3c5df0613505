"""What the OpenAPI document says of each call: parameters, answers, and an example of every one of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest
from rest_framework import exceptions

from vcfjobs import errors
from vcfjobs.api import parameters, serializers
from vcfjobs.api.openapi import examples
from vcfjobs.api.openapi.responses import (
    UNAVAILABLE,
    Decorator,
    call,
    ends,
    header,
    in_path,
    refuses,
    says,
    sends,
)
from vcfjobs.vrs.vcf.ingest import AnnotationsMissingError

TEXT, CSV = "text/plain", "text/csv"
BGZF, BYTES = "application/gzip", "application/octet-stream"
# The order in which the document names them is that of SPECTACULAR_SETTINGS.
VCF, RUNS, REGISTRY, SERVICE = "VCF", "Runs", "Registry", "Service"

RUN_ID = in_path(
    "run_id", "The run_id, or the run's UUID.", By_the_run_id=examples.RUN_ID, By_the_UUID=examples.PK
)
VRS_ID = in_path("vrs_id", "ga4gh:VA. and 32 characters.", rs6131543_T=examples.ALLELE["id"])
RETRY_AFTER = header("Retry-After", int, 202, 429, 503, what="Seconds after which it is worth asking again.")
LOCATION = header("Location", str, 202, what="Where to poll.")
ETAG = header("ETag", str, 200, 206, 304, what="Changes with the representation.")
CONTENT_RANGE = header("Content-Range", str, 206, 416, what="Which bytes these are, of how many.")

NO_SUCH_RUN = refuses(errors.RunNotFoundError("Run not found"))
NO_SUCH_OBJECT = says(404, serializers.DetailSerializer, examples.UNKNOWN_OBJECT, "Not registered")

# --- files in ---------------------------------------------------------------------------------------

THE_FILE = "The file in the multipart field `vcf`, or as the raw body."


def upload(content: str) -> dict[str, OpenApiRequest]:
    """A file as the body, with one as an example."""
    form = {
        "type": "object",
        "properties": {"vcf": {"type": "string", "format": "binary", "description": THE_FILE}},
        "required": ["vcf"],
    }
    raw = {"type": "string", "format": "binary", "description": THE_FILE}
    return {
        "multipart/form-data": OpenApiRequest(form, examples=[OpenApiExample("A form", {"vcf": content})]),
        BYTES: OpenApiRequest(raw, examples=[OpenApiExample("The file itself", content)]),
    }


_REFUSED_UPLOADS = [
    *refuses(
        errors.InvalidVcfError("The file is not VCF: line 1 does not begin with ##fileformat=VCF."),
        errors.TruncatedUploadError("The upload ended before its Content-Length: nothing of it was kept."),
        errors.BadRequestError("The request holds no file: send it in the form field vcf."),
        errors.RunIdInUseError(
            f"An existing run with id {examples.RUN_ID} is PENDING. Fetch the completed run result before "
            "submitting with the same run_id."
        ),
        errors.LengthRequiredError("The upload needs a Content-Length; chunked bodies are not taken."),
        errors.UploadTooLargeError("The upload is larger than the limit of 68,719,476,736 bytes."),
        exceptions.ValidationError({"run_async": ["Must be true or false."]}),
        errors.UnknownAssemblyError(
            "The assembly 'GRCh38' is not registered. Registered: GRCh37.", registered=["GRCh37"]
        ),
        exceptions.Throttled(wait=12),
        errors.OwnerHasTooManyRunsError(
            "You have 20,000 runs under way, as many as one may have. Wait until some have ended, or cancel "
            "some."
        ),
        errors.OwnerHasTooManyBytesError(
            "Your files take 10,737,418,240 of the 10,737,418,240 bytes that one may have here. Delete runs, "
            "or wait until they expire."
        ),
        errors.StorageFullError("The service has no space left for this file. Try again later."),
        errors.QueueFullError("Too many runs are waiting already. Try again later."),
        errors.NoReferenceError(
            "No reference assembly is registered yet. Its operator runs: manage.py load_reference NAME FASTA"
        ),
    ),
    *says(500, serializers.RunErrorSerializer, examples.FAILED, "The run in the request failed"),
]
_ACCEPTED = says(
    202, serializers.RunStatusSerializer, examples.SUBMITTED, "Accepted: poll at Location (run_async)"
)


def submit(operation_id: str, method: str) -> Decorator:
    """PUT or POST /vcf."""
    return call(
        operation_id,
        "Annotate a VCF",
        says(200, OpenApiTypes.STR, examples.ANNOTATED, "The annotated VCF (without run_async)", TEXT),
        _ACCEPTED,
        _REFUSED_UPLOADS,
        refuses(
            errors.ReferenceMismatchError(
                "2 of the first 2 records name REF bases that are not those of GRCh37: is this the right "
                "assembly?",
                mismatches=2,
                records=2,
                fitting_assembly=None,
            )
        ),
        query=(parameters.SubmitQuery, LOCATION, RETRY_AFTER, ETAG),
        request=upload(examples.VCF),
        methods=[method],
        tag=VCF,
    )


def ingest(operation_id: str, method: str) -> Decorator:
    """PUT or POST /annotated_vcf."""
    return call(
        operation_id,
        "Register the annotations of a VCF",
        says(200, serializers.RunStatusSerializer, examples.REGISTERED, "Registered"),
        says(200, OpenApiTypes.STR, examples.VALIDATION, "What is wrong (with require_validation)", CSV),
        _ACCEPTED,
        refuses(AnnotationsMissingError()),
        _REFUSED_UPLOADS,
        query=(parameters.IngestQuery, LOCATION, RETRY_AFTER),
        request=upload(examples.CARRYING),
        methods=[method],
        tag=VCF,
    )


# --- runs -------------------------------------------------------------------------------------------

_PART = "##fileformat"
_RANGES = [
    *ends(304, "The client has it already"),
    *ends(412, "What If-Match or If-Unmodified-Since names is not what is here"),
    *ends(416, "No such bytes"),
]
_WITHOUT_RESULT = [
    *refuses(
        errors.RunNotFoundError("Run not found"),
        errors.RunConflictError("The run is running: it has no result."),
    )
]

RESULT = call(
    "get_vcf",
    "Poll a run, then fetch its result",
    says(200, OpenApiTypes.STR, examples.ANNOTATED, "The annotated VCF", TEXT),
    sends(200, BGZF, "The annotated VCF as BGZF (format=vcf.gz)"),
    says(200, OpenApiTypes.STR, examples.VALIDATION, "What is wrong (require_validation)", CSV),
    says(200, serializers.RunStatusSerializer, examples.REGISTERED, "The annotations are registered"),
    says(202, serializers.RunStatusSerializer, examples.PENDING, "Not ended yet"),
    says(206, OpenApiTypes.STR, _PART, "The bytes of Range, here bytes=0-11", TEXT),
    sends(206, BGZF, "The bytes of Range"),
    _RANGES,
    says(404, serializers.RunStatusSerializer, examples.UNKNOWN_RUN, "Run not found"),
    says(410, serializers.RunErrorSerializer, examples.EXPIRED, "Expired"),
    says(410, serializers.RunErrorSerializer, examples.CANCELLED, "Cancelled"),
    refuses(exceptions.ValidationError({"wait": ["A valid number is required."]})),
    says(
        500, serializers.RunErrorSerializer, examples.FAILED, "Failed; ANYVAR_VCF_ASYNC_FAILURE_STATUS_CODE"
    ),
    query=(RUN_ID, parameters.ResultQuery, RETRY_AFTER, ETAG, CONTENT_RANGE),
    tag=VCF,
)
LIST = call(
    "list_runs",
    "List your runs",
    says(200, serializers.RunListSerializer(many=True), examples.SUCCEEDED_RUN, "A page of runs"),
    refuses(exceptions.ValidationError({"status": ['"done" is not a valid choice.']})),
    query=(parameters.ListQuery,),
    tag=RUNS,
)
RETRIEVE = call(
    "get_run",
    "Everything about a run",
    says(200, serializers.RunSerializer, examples.WHOLE_RUN, "The run"),
    ends(304, "The client has it already"),
    NO_SUCH_RUN,
    query=(RUN_ID, ETAG),
    tag=RUNS,
)
DESTROY = call(
    "delete_run",
    "Remove a run and its files",
    ends(204, "Removed"),
    NO_SUCH_RUN,
    query=(RUN_ID,),
    tag=RUNS,
)
CANCEL = call(
    "cancel_run",
    "Cancel a run",
    says(202, serializers.RunListSerializer, examples.CANCELLED_RUN, "Cancelled; its worker stops soon"),
    NO_SUCH_RUN,
    refuses(errors.RunConflictError("The run has already ended, so there is nothing to cancel.")),
    query=(RUN_ID,),
    tag=RUNS,
)
RETRY = call(
    "retry_run",
    "Queue a failed or cancelled run again",
    says(202, serializers.RunListSerializer, examples.QUEUED_RUN, "Queued again"),
    NO_SUCH_RUN,
    refuses(
        errors.RunConflictError("The uploaded file is no longer kept, so the run cannot be retried."),
        errors.QueueFullError("Too many runs are waiting already. Try again later."),
    ),
    query=(RUN_ID, RETRY_AFTER),
    tag=RUNS,
)
FAILURES = call(
    "get_run_failures",
    "The records without identifier",
    says(200, serializers.FailuresSerializer, examples.FAILURES, "What got no identifier"),
    NO_SUCH_RUN,
    query=(RUN_ID,),
    tag=RUNS,
)
RESULT_BGZF = call(
    "get_run_result_bgzf",
    "The result as BGZF",
    sends(200, BGZF, "The whole file"),
    sends(206, BGZF, "The bytes of Range"),
    _RANGES,
    _WITHOUT_RESULT,
    query=(RUN_ID, ETAG, CONTENT_RANGE),
    tag=RUNS,
)
RESULT_TEXT = call(
    "get_run_result_text",
    "The result as plain text",
    says(200, OpenApiTypes.STR, examples.ANNOTATED, "The whole file", TEXT),
    says(206, OpenApiTypes.STR, _PART, "The bytes of Range, here bytes=0-11", TEXT),
    _RANGES,
    _WITHOUT_RESULT,
    query=(RUN_ID, ETAG, CONTENT_RANGE),
    tag=RUNS,
)
RESULT_INDEX = call(
    "get_run_result_index",
    "The tabix index of the result",
    sends(200, BYTES, "The index"),
    sends(206, BYTES, "The bytes of Range"),
    _RANGES,
    _WITHOUT_RESULT,
    query=(RUN_ID, ETAG, CONTENT_RANGE),
    tag=RUNS,
)
_NO_CURSOR = errors.InvalidCursorError()
RUN_ALLELES = call(
    "get_run_alleles",
    "The identifiers of a run's alleles",
    says(200, serializers.RunAllelesSerializer, examples.RUN_ALLELES, "A page of identifiers"),
    NO_SUCH_RUN,
    refuses(_NO_CURSOR),
    query=(RUN_ID, parameters.PageQuery),
    tag=RUNS,
)

# --- the registry -----------------------------------------------------------------------------------

OBJECT = call(
    "get_object",
    "An allele by its identifier",
    says(200, serializers.ObjectSerializer, examples.OBJECT, "The allele"),
    NO_SUCH_OBJECT,
    query=(VRS_ID,),
    tag=REGISTRY,
)
OBJECT_RUNS = call(
    "get_object_runs",
    "Your runs that held an allele",
    says(
        200,
        serializers.HoldingRunsSerializer,
        examples.HOLDING_RUNS,
        "Some of the caller's runs that held it",
    ),
    NO_SUCH_OBJECT,
    refuses(_NO_CURSOR),
    query=(VRS_ID, parameters.PageQuery),
    tag=REGISTRY,
)
OBJECTS = call(
    "get_objects",
    "Many alleles by their identifiers",
    says(200, serializers.ObjectsSerializer, examples.OBJECTS, "What is registered, and what is not"),
    refuses(
        exceptions.ParseError(
            "JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
        ),
        exceptions.UnsupportedMediaType("text/plain"),
        errors.RequestTooLargeError("These alleles are too large for one answer: ask for fewer at once."),
        exceptions.ValidationError({"ids": ["This field is required."]}),
    ),
    request=OpenApiRequest(
        serializers.IdsSerializer, examples=[OpenApiExample("Two identifiers", examples.IDS)]
    ),
    tag=REGISTRY,
)


def _shown(name: str, *values: tuple[str, Any]) -> OpenApiParameter:
    """A parameter of VariationsQuery, with examples."""
    field = parameters.VariationsQuery().fields[name]
    kind = int if isinstance(examples.PLACE[name], int) else str
    return OpenApiParameter(
        name,
        kind,
        required=True,
        description=str(field.help_text or ""),
        examples=[OpenApiExample(summary, value) for summary, value in values],
    )


VARIATIONS = call(
    "get_variations",
    "Alleles that overlap a place",
    says(200, serializers.VariationsSerializer, examples.VARIATIONS, "A page of alleles"),
    refuses(
        errors.SequenceNotFoundError("The sequence 'GRCh37:99' is not known here."),
        exceptions.ValidationError({"start": ["Must not be above end."]}),
    ),
    query=(
        parameters.VariationsQuery,
        _shown(
            "accession",
            ("A contig of an assembly", examples.PLACE["accession"]),
            ("A refget accession", examples.ACCESSION),
        ),
        _shown("start", ("Inter-residue", examples.PLACE["start"])),
        _shown("end", ("Inter-residue", examples.PLACE["end"])),
    ),
    tag=REGISTRY,
)
STATS = call(
    "get_stats",
    "How much there is",
    says(200, serializers.StatsSerializer, examples.STATS, "Counts"),
    tag=REGISTRY,
)

# --- around it --------------------------------------------------------------------------------------

SERVICE_INFO = call(
    "get_service_info",
    "What this service is (GA4GH service-info)",
    says(200, serializers.ServiceInfoSerializer, examples.SERVICE_INFO, "The service"),
    UNAVAILABLE,
    open_to_all=True,
    tag=SERVICE,
)
METRICS = call(
    "get_metrics",
    "Figures for Prometheus",
    says(200, OpenApiTypes.STR, examples.METRICS, "The first of the figures", TEXT),
    refuses(exceptions.PermissionDenied()),
    tag=SERVICE,
)
HEALTHZ = call(
    "get_health",
    "Is the process alive?",
    says(200, serializers.HealthSerializer, examples.ALIVE, "Alive"),
    open_to_all=True,
    tag=SERVICE,
)
READYZ = call(
    "get_readiness",
    "Is everything there that it needs?",
    says(200, serializers.HealthSerializer, examples.READY, "Ready"),
    says(503, serializers.HealthSerializer, examples.NOT_READY, "A part is missing"),
    open_to_all=True,
    tag=SERVICE,
)
