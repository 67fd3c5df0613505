"""How an operation of the OpenAPI document is described: its responses, with examples, and parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.response import Response

from vcfjobs.api import problems, serializers

JSON, TEXT, CSV = "application/json", "text/plain", "text/csv"
BGZF, BYTES = "application/gzip", "application/octet-stream"
TSV, NDJSON, PARQUET = "text/tab-separated-values", "application/x-ndjson", "application/vnd.apache.parquet"


class DocumentedResponse(NamedTuple):
    """One response of an operation. Without a name it has no example."""

    status: int
    media: str
    body: Any
    description: str
    name: str = ""
    example: Any = None


def json_response(status: int, body: Any, example: Any, description: str) -> DocumentedResponse:
    return DocumentedResponse(status, JSON, body, description, description, example)


def text(status: int, example: str, description: str, media: str = TEXT) -> DocumentedResponse:
    return DocumentedResponse(status, media, OpenApiTypes.STR, description, description, example)


def binary(status: int, media: str, description: str) -> DocumentedResponse:
    return DocumentedResponse(status, media, OpenApiTypes.BINARY, description)


def empty(status: int, description: str) -> DocumentedResponse:
    return DocumentedResponse(status, "", None, description)


def error_response(answer: Response | None) -> DocumentedResponse:
    """An error as the exception handler answers it."""
    assert answer is not None  # noqa: S101  # a documented error has an answer
    code = answer.data["error_code"]
    title = answer.data.get("title")
    body = serializers.ProblemSerializer if title else serializers.RunErrorSerializer
    media = answer.content_type or JSON
    return DocumentedResponse(answer.status_code, media, body, title or code, code, answer.data)


# Whatever fails without a database.
UNAVAILABLE = error_response(problems.database_unavailable())
_WRONG_TOKEN = exceptions.AuthenticationFailed("The bearer token is not valid.")
_PROTECTED = (exceptions.NotAuthenticated(), _WRONG_TOKEN, UNAVAILABLE)


def operation(
    tag: str,
    operation_id: str,
    summary: str,
    *responses: DocumentedResponse | Exception,
    parameters: Sequence[Any] = (),
    request: Any = None,
    public: bool = False,
    methods: list[str] | None = None,
) -> Callable[[Any], Any]:
    """The decorator that documents an operation.

    An exception stands for its error response. Unless the operation is public, the responses without
    authentication and without a database are added.
    """
    grouped: dict[tuple[int, str], list[DocumentedResponse]] = {}
    for one in (*responses, *(() if public else _PROTECTED)):
        documented = error_response(problems.answer_to(one)) if isinstance(one, Exception) else one
        grouped.setdefault((documented.status, documented.media), []).append(documented)
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        parameters=[*parameters],
        request=request,
        responses={key if key[1] else key[0]: _merged(found) for key, found in sorted(grouped.items())},
        methods=methods,
    )


def _merged(found: list[DocumentedResponse]) -> OpenApiResponse:
    shown = [OpenApiExample(one.name, value=one.example) for one in found if one.name]
    description = "; ".join(dict.fromkeys(one.description for one in found))
    return OpenApiResponse(found[0].body, description=description, examples=shown)


def header(name: str, kind: type, *statuses: int, description: str) -> OpenApiParameter:
    """A header of the responses with these statuses."""
    return OpenApiParameter(
        name, kind, OpenApiParameter.HEADER, description=description, response=[*statuses]
    )


def parameter(
    location: Literal["path", "query"], name: str, description: str, **examples: Any
) -> OpenApiParameter:
    """A required parameter, with examples by name."""
    shown = [OpenApiExample(summary.replace("_", " "), value) for summary, value in examples.items()]
    kind = type(next(iter(examples.values())))
    return OpenApiParameter(name, kind, location, required=True, description=description, examples=shown)
