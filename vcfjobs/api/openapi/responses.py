"""The words in which documentation.py describes a call: its answers, with examples, and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import exceptions
from rest_framework.response import Response

from vcfjobs.api import problems, serializers

JSON = "application/json"
Decorator = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One way that a call may be answered: its body's kind and schema, in words, and an example by name."""

    status: int
    media: str
    body: Any
    what: str
    name: str = ""
    example: Any = None


def says(status: int, body: Any, example: Any, what: str, media: str = JSON) -> list[Said]:
    """An answer with a body that can be shown."""
    return [Said(status, media, body, what, what, example)]


def sends(status: int, media: str, what: str) -> list[Said]:
    """An answer whose bytes cannot be shown."""
    return [Said(status, media, OpenApiTypes.BINARY, what)]


def ends(status: int, what: str) -> list[Said]:
    """An answer without a body."""
    return [Said(status, "", None, what)]


def refuses(*causes: Exception) -> list[Said]:
    """The answers to these errors, as the exception handler makes them."""
    answers = [answer for error in causes if (answer := problems.answer_to(error)) is not None]
    return [problem(answer) for answer in answers]


def problem(answer: Response) -> Said:
    """A problem document as the exception handler has made it."""
    body = serializers.ProblemSerializer if "title" in answer.data else serializers.RunErrorSerializer
    code = answer.data["error_code"]
    what = answer.data.get("title") or code
    return Said(answer.status_code, answer.content_type or JSON, body, what, code, answer.data)


# What every call may answer that is not open to all, and any that asks the database.
UNAUTHENTICATED = refuses(
    exceptions.NotAuthenticated(), exceptions.AuthenticationFailed("The bearer token is not valid.")
)
UNAVAILABLE = [problem(problems.database_unavailable())]


def call(
    operation_id: str,
    summary: str,
    *answers: list[Said],
    tag: str,
    query: Sequence[Any] = (),
    request: Any = None,
    open_to_all: bool = False,
    methods: list[str] | None = None,
) -> Decorator:
    """The documentation of one call; that most want a token, and any may find the database away, is added."""
    common = [] if open_to_all else [*UNAUTHENTICATED, *UNAVAILABLE]
    by_kind: dict[tuple[int, str], list[Said]] = {}
    for said in [one for answer in answers for one in answer] + common:
        by_kind.setdefault((said.status, said.media), []).append(said)
    responses = {key if key[1] else key[0]: _response(found) for key, found in sorted(by_kind.items())}
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        parameters=[*query],
        request=request,
        responses=responses,
        methods=methods,
    )


def _response(found: list[Said]) -> OpenApiResponse:
    shown = [OpenApiExample(said.name, value=said.example) for said in found if said.name]
    what = "; ".join(dict.fromkeys(said.what for said in found))
    return OpenApiResponse(found[0].body, description=what, examples=shown)


def header(name: str, kind: type, *statuses: int, what: str) -> OpenApiParameter:
    """A header of the answers of these statuses."""
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=what, response=[*statuses])


def in_path(name: str, what: str, **shown: str) -> OpenApiParameter:
    """A part of the address, with examples by name."""
    values = [OpenApiExample(summary.replace("_", " "), value) for summary, value in shown.items()]
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=what, examples=values)
