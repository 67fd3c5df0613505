"""Errors as RFC 9457 problem documents, which also carry AnyVar's `error` and `error_code`."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import InternalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from vcfjobs.database.retry import DATABASE_OUTAGE
from vcfjobs.errors import RunIdInUseError, VcfJobsError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 5


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """The one place where an exception becomes an answer."""
    set_rollback()
    answer = answer_to(error)
    if answer is not None:
        return answer
    if isinstance(error, DATABASE_OUTAGE):
        # A standby's refusal is an InternalError, and so is damaged storage, which has to be seen.
        trace = error if isinstance(error, InternalError) else None
        logger.warning("the database does not answer: %s", type(error).__name__, exc_info=trace)
        return database_unavailable()
    logger.error("unforeseen error in %s", type(context.get("view")).__name__, exc_info=error)
    return problem(500, "INTERNAL_ERROR", "The service failed for an unforeseen reason.")


def answer_to(error: Exception) -> Response | None:
    """The answer to what may go wrong with a request; None for what nobody foresaw."""
    if isinstance(error, RunIdInUseError):  # AnyVar's own shape
        return Response({"error": error.sentence, "error_code": error.code}, status=error.status)
    if isinstance(error, VcfJobsError):
        return _of_ours(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        return problem(413, "REQUEST_TOO_LARGE", "The request, or a field of it, is too large.")
    elif isinstance(error, SuspiciousOperation | RecursionError):
        return problem(400, "BAD_REQUEST", "The request cannot be read.")
    elif isinstance(error, ValidationError):
        error = exceptions.ValidationError({"request": list(error.messages)})
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    return None


def database_unavailable() -> Response:
    """The answer while the database is away."""
    return problem(
        503,
        "DATABASE_UNAVAILABLE",
        "The database does not answer at the moment.",
        retry_after=RETRY_SECONDS,
    )


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    title: str = "",
    retry_after: int | None = None,
    **members: Any,
) -> Response:
    """A problem document as an answer."""
    document = {
        "type": "about:blank",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
        "error_code": code,
        **members,
    }
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return Response(document, status=status, content_type=CONTENT_TYPE, headers=headers)


def _of_ours(error: VcfJobsError) -> Response:
    return problem(
        error.status,
        error.code,
        error.sentence,
        title=error.title,
        retry_after=error.retry_after,
        **error.extra,
    )


def _of_framework(error: exceptions.APIException) -> Response:
    if isinstance(error, exceptions.ValidationError):
        return _of_validation(error)
    code = error.get_codes()
    answer = problem(
        error.status_code, str(code).upper() if isinstance(code, str) else "ERROR", str(error.detail)
    )
    if header := getattr(error, "auth_header", None):
        answer.headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        answer.headers["Retry-After"] = str(max(1, int(wait)))
    return answer


def _of_validation(error: exceptions.ValidationError) -> Response:
    """422, naming each parameter that is wrong."""
    details = error.detail if isinstance(error.detail, dict) else {"request": error.detail}
    named = {name: " ".join(map(str, texts)) for name, texts in details.items()}
    sentence = " ".join(f"{name}: {text}" for name, text in named.items())
    return problem(422, "INVALID_PARAMETER", sentence, title="Invalid parameter", parameters=named)
