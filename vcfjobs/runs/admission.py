"""Which uploads are let in: asked by the API and by the pages before a body is read."""

from __future__ import annotations

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from vcfjobs.errors import LengthRequiredError, UploadTooLargeError
from vcfjobs.runs.quotas import require_room
from vcfjobs.runs.rate_limit import check_submit_rate


def admit_upload(request: HttpRequest, owner: str, *, form_bytes: int = 0) -> None:
    """Return when `owner` may send the body of a request; nothing of it is read here.

    `form_bytes` is what the body may hold beside the file. Counts as a submit, also when refused. The
    thread's database connection is closed: a slow upload holds a thread, nothing else. Raises
    SubmittedTooOftenError, LengthRequiredError, UploadTooLargeError, and what `require_room` raises.
    """
    check_submit_rate(request, owner)
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
