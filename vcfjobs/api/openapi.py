"""What the OpenAPI document says of a call, beside what its serializers and its docstring say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiCallback,
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
)
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated

from vcfjobs import errors
from vcfjobs.api import examples, serializers
from vcfjobs.api.problems import CONTENT_TYPE, DatabaseUnavailableError

Error = type[errors.VcfJobsError | APIException]
# By status, or by status and media type.
Responses = Mapping[Any, Any]
Decorator = Callable[[Any], Any]

OF_PROTECTED_CALLS: tuple[Error, ...] = (
    NotAuthenticated,
    AuthenticationFailed,
    DatabaseUnavailableError,
    errors.IdentityProviderUnavailableError,
)
OF_UPLOADS: tuple[Error, ...] = (
    errors.InvalidVcfError,
    errors.TruncatedUploadError,
    errors.BadRequestError,
    errors.RunIdInUseError,
    errors.LengthRequiredError,
    errors.UploadTooLargeError,
    errors.InvalidParameterError,
    errors.UnknownAssemblyError,
    errors.SubmittedTooOftenError,
    errors.OwnerHasTooManyRunsError,
    errors.OwnerHasTooManyBytesError,
    errors.StorageFullError,
    errors.QueueFullError,
    errors.NoReferenceError,
)


class SessionCookieScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The pages' session cookie."""

    target_class = "vcfjobs.api.authentication.SessionAuthentication"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """A bearer token, of whatever kind."""

    target_class = "vcfjobs.api.authentication.BearerAuthentication"
    name = "tokenAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from the page /tokens/, a token that the operator has listed, or an "
            "access token (JWT) of the OpenID Connect provider that the service trusts.",
        }


def _header(name: str, kind: type, description: str, *statuses: int) -> OpenApiParameter:
    """A header of the responses with these statuses."""
    return OpenApiParameter(name, kind, "header", description=description, response=[*statuses])


def _shown(body: Any, description: str, value: Any) -> OpenApiResponse:
    """A response with an example."""
    return OpenApiResponse(body, description, [OpenApiExample(description, value)])


RUN_ID = OpenApiParameter("run_id", str, "path", description="The run_id, or the run's UUID.")
VRS_ID = OpenApiParameter("vrs_id", str, "path", description="ga4gh:VA. and 32 characters.")
RETRY_AFTER = _header("Retry-After", int, "Seconds until the next request.", 202, 429, 503)
LOCATION = _header("Location", str, "Where to poll.", 202)
ETAG = _header("ETag", str, "Changes with the representation.", 200, 206, 304)
CONTENT_RANGE = _header("Content-Range", str, "Which bytes these are, of how many.", 206, 416)

ANNOTATED = _shown(OpenApiTypes.STR, "The VCF, here with add_vrs_attributes", examples.ANNOTATED)
VALIDATION = _shown(OpenApiTypes.STR, "The identifiers that differ", examples.VALIDATION)
PENDING = _shown(serializers.RunStatusSerializer, "Queued or running", examples.PENDING)
RECORDS = _shown(serializers.RecordsSerializer, "Records, here of a region", examples.RECORDS)
OBJECT = _shown(serializers.ObjectSerializer, "The allele", examples.OBJECT)
REGISTERED = _shown(serializers.RegisteredVariationSerializer, "The allele", examples.REGISTERED)
REGISTERED_MANY = _shown(
    serializers.VariationResultSerializer(many=True), "One answer for each", examples.REGISTERED
)
RUN_FAILED = OpenApiResponse(serializers.RunErrorSerializer, errors.RunFailureError.code)
RUN_ENDED = OpenApiCallback(
    "runEnded",
    "{$request.query.callback_url}",
    extend_schema(
        summary="A run has ended",
        description="Signed as https://www.standardwebhooks.com describes, and repeated with the same "
        "webhook-id for a day until the answer is 2xx.",
        request=serializers.RunEndedSerializer,
        responses={200: OpenApiResponse(description="Accepted; any 2xx says so.")},
    ),
)
PARAMETER_EXAMPLES = [
    OpenApiExample(str(value), value, parameter_only=(name, location))
    for name, location, value in examples.PARAMETERS
]


def operation(
    tag: str,
    operation_id: str,
    responses: Responses,
    /,
    *raised: Error,
    parameters: Iterable[Any] = (),
    request: Any = None,
    public: bool = False,
    methods: list[str] | None = None,
    callbacks: Iterable[OpenApiCallback] = (),
) -> Decorator:
    """Document a view: the first line of its docstring is the summary, the rest the description.

    What is `raised` is added as the responses of the exception handler: the description of each names its
    error codes. Unless the call is public, so are those without authentication and without a database.
    """
    documented: dict[tuple[Any, ...], OpenApiResponse] = {}
    for status, body in responses.items():
        key = status if isinstance(status, tuple) else (status,)
        is_described = isinstance(body, OpenApiResponse)
        documented[key] = body if is_described else OpenApiResponse(body, HTTPStatus(key[0]).phrase)
    codes: dict[int, list[str]] = {}
    for error in raised if public else (*raised, *OF_PROTECTED_CALLS):
        if issubclass(error, APIException):
            codes.setdefault(error.status_code, []).append(error.default_code.upper())
        else:
            codes.setdefault(error.status, []).append(error.code)
    if errors.RunIdInUseError in raised:
        documented[400, "application/json"] = OpenApiResponse(
            serializers.RunErrorSerializer, ", ".join(codes[400])
        )
    for status, found in codes.items():
        documented[status, CONTENT_TYPE] = OpenApiResponse(serializers.ProblemSerializer, ", ".join(found))

    def document(view: Any) -> Any:
        summary, _, description = (view.__doc__ or "").partition("\n")
        return extend_schema(
            tags=[tag],
            operation_id=operation_id,
            summary=summary.rstrip("."),
            description=inspect.cleandoc(description),
            parameters=[*parameters],
            request=request,
            examples=PARAMETER_EXAMPLES,
            responses=dict(sorted(documented.items(), key=_read_first)),
            methods=methods,
            callbacks=[*callbacks],
        )(view)

    return document


def _read_first(documented: tuple[tuple[Any, ...], Any]) -> tuple[Any, ...]:
    """The order of responses: of several media types of a status, generated clients read the first."""
    status, *media = documented[0]
    return status, media != ["text/plain"], media


def upload(
    operation_id: str, content: str, responses: Responses, *raised: Error, parameters: Iterable[Any]
) -> Decorator:
    """Document a view that takes a file like `content`, by PUT or POST, and runs it at once or later."""
    description = (
        "The file in the multipart field `vcf`, or as the raw body: VCF as text, gzip or BGZF, or BCF 2."
    )
    raw = {"type": "string", "format": "binary", "description": description}
    form = {"type": "object", "properties": {"vcf": raw}, "required": ["vcf"]}
    request = {
        "multipart/form-data": OpenApiRequest(form, examples=[OpenApiExample("A form", {"vcf": content})]),
        "application/octet-stream": OpenApiRequest(raw, examples=[OpenApiExample("The file", content)]),
    }
    put, post = (
        operation(
            "VCF",
            name,
            {**responses, 202: serializers.RunStatusSerializer, 500: RUN_FAILED},
            *OF_UPLOADS,
            *raised,
            parameters=(*parameters, LOCATION, RETRY_AFTER),
            request=request,
            methods=[method],
            callbacks=[RUN_ENDED],
        )
        for name, method in ((operation_id, "PUT"), (f"{operation_id}_by_post", "POST"))
    )
    return lambda view: put(post(view))


registry, service = partial(operation, "Registry"), partial(operation, "Service")


def of_run(name: str, responses: Responses, *raised: Error, parameters: Iterable[Any] = ()) -> Decorator:
    """Document a view of one run."""
    found = (RUN_ID, *parameters)
    return operation("Runs", name, responses, errors.RunNotFoundError, *raised, parameters=found)


registry, service = partial(operation, "Registry"), partial(operation, "Service")


def files(*media: str) -> Responses:
    """The responses with a file of one of these media types, whole or in part."""
    found = {(status, kind): _body(kind) for status in (200, 206) for kind in media}
    return {**found, 304: None, 412: None, 416: None}


def tables(*media: str) -> Responses:
    """The responses with a table in one of these media types: whole, because its size is not known before."""
    return {**{(200, kind): _body(kind) for kind in media}, 304: None, 412: None}


def _body(media: str) -> OpenApiTypes:
    return OpenApiTypes.STR if media.startswith("text/") else OpenApiTypes.BINARY


def download(operation_id: str, media: str) -> Decorator:
    """Document a view of a file of a succeeded run."""
    return of_run(operation_id, files(media), errors.RunConflictError, parameters=(ETAG, CONTENT_RANGE))


def table(operation_id: str, media: str, *raised: Error) -> Decorator:
    """Document a view of the table of a succeeded run."""
    return of_run(operation_id, tables(media), errors.RunConflictError, *raised, parameters=(ETAG,))
