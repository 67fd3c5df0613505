"""Decide whether an upload is accepted, before its body is read.

Submits are counted in this process's memory, for the API and the pages together.
"""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

from vcfjobs.errors import LengthRequiredError, SubmittedTooOftenError, UploadTooLargeError
from vcfjobs.runs.quotas import require_room


class SubmitRate(SimpleRateThrottle):
    """ANYVAR_SUBMIT_RATE, of one owner or, while the service is open, of one address."""

    scope = "submit"

    def __init__(self, owner: str) -> None:
        super().__init__()
        self._owner = owner

    def get_rate(self) -> str:  # read at each request, so that it can be changed
        return str(settings.ANYVAR_SUBMIT_RATE)

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"submit:{self._owner or self.get_ident(request)}"


def admit_upload(request: HttpRequest, owner: str, *, form_bytes: int = 0) -> None:
    """Return when `owner` may send the body of a request; it counts as a submit, also when it is refused.

    `form_bytes` is the most that the body may hold beside the file. The thread's database connection is
    closed, so a slow upload holds a thread and nothing else. Raises SubmittedTooOftenError,
    LengthRequiredError, UploadTooLargeError, and what `require_room` raises.
    """
    rate = SubmitRate(owner)
    if not rate.allow_request(request, None):  # type: ignore[arg-type]  # what it needs of one, ours has
        raise SubmittedTooOftenError(max(1, math.ceil(rate.wait() or 1)))
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdigit():
        raise LengthRequiredError
    refuse_too_large(int(length) - form_bytes)
    require_room(owner, int(length))
    if not connection.in_atomic_block:
        connection.close()


def refuse_too_large(size: int) -> None:
    """Raise UploadTooLargeError for a file above ANYVAR_MAX_UPLOAD_BYTES."""
    if size > settings.ANYVAR_MAX_UPLOAD_BYTES:
        raise UploadTooLargeError(
            f"The upload is larger than the limit of {settings.ANYVAR_MAX_UPLOAD_BYTES:,} bytes."
        )
