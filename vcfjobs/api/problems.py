"""Errors as RFC 9457 problem documents, which also carry AnyVar's `error` and `error_code`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import InternalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from vcfjobs import errors
from vcfjobs.database.retry import DATABASE_OUTAGE, one_line
from vcfjobs.database.unmigrated import NOT_MIGRATED, lacks_migrations

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# At most so many wrong members of a body are named.
ERRORS_SHOWN = 20


class DatabaseUnavailableError(errors.VcfJobsError):
    code = "DATABASE_UNAVAILABLE"
    status = 503
    title = "Service Unavailable"
    standard = "The database does not answer at the moment."
    retry_after = 5


# What is answered instead of an error of Django or Python; the first that matches.
TRANSLATIONS: tuple[tuple[type[Exception], errors.VcfJobsError | exceptions.APIException], ...] = (
    (RequestDataTooBig, errors.RequestTooLargeError("The request, or a field of it, is too large.")),
    (SuspiciousOperation, errors.BadRequestError("The request cannot be read.")),
    (UnreadablePostError, errors.TruncatedUploadError()),
    (RecursionError, errors.BadRequestError("The request cannot be read.")),
    (Http404, exceptions.NotFound()),
    (PermissionDenied, exceptions.PermissionDenied()),
)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """The one place where an exception becomes a response."""
    set_rollback()
    error = next((ours for kind, ours in TRANSLATIONS if isinstance(error, kind)), error)
    if lacks_migrations(error):
        logger.error("the database is not migrated: run manage.py migrate")
        error = DatabaseUnavailableError(NOT_MIGRATED)
    elif isinstance(error, DATABASE_OUTAGE):
        # A standby's refusal is an InternalError, and so is damaged storage, which has to be seen.
        trace = error if isinstance(error, InternalError) else None
        logger.warning("the database does not answer: %s", one_line(error), exc_info=trace)
        error = DatabaseUnavailableError()
    if isinstance(error, errors.RunIdInUseError):  # AnyVar's own shape
        return Response({"error": error.sentence, "error_code": error.code}, status=error.status)
    if isinstance(error, errors.VcfJobsError):
        members = {"title": error.title or error.code.replace("_", " ").capitalize(), **error.extra}
        return problem(error.status, error.code, error.sentence, retry_after=error.retry_after, **members)
    if isinstance(error, exceptions.ValidationError | ValidationError):
        return _invalid(error.detail if isinstance(error, exceptions.ValidationError) else error.messages)
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    logger.error("unexpected error in %s", type(context.get("view")).__name__, exc_info=error)
    return problem(500, "INTERNAL_ERROR", errors.VcfJobsError.standard)


def problem(
    status: int, code: str, detail: str, *, title: str = "", retry_after: int | None = None, **members: Any
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


def _invalid(detail: Any) -> Response:
    named = dict(islice(_named_errors("", detail), ERRORS_SHOWN))
    sentence = " ".join(f"{name}: {text}" for name, text in named.items())
    return problem(422, "INVALID_PARAMETER", sentence, title="Invalid parameter", parameters=named)


def _of_framework(error: exceptions.APIException) -> Response:
    code = error.get_codes()
    name = code.upper() if isinstance(code, str) else "ERROR"
    answer = problem(error.status_code, name, str(error.detail))
    if header := getattr(error, "auth_header", None):
        answer.headers["WWW-Authenticate"] = header
    return answer


def _named_errors(name: str, detail: Any) -> Iterator[tuple[str, str]]:
    """Each wrong parameter or member with its sentences; nested members as `ids.0`."""
    if isinstance(detail, dict):
        for key, inner in detail.items():
            yield from _named_errors(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        yield from _named_errors(name, dict(enumerate(detail)))
    else:
        yield name or "request", " ".join(map(str, detail if isinstance(detail, list) else [detail]))
