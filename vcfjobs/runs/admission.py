"""Limits for new runs: rate and size of submits, runs and bytes of one owner, the queue, and the disk.

All are checked before an upload is read, so that no client sends what cannot be kept; those of `require_room`
again before it is recorded. Simultaneous submits may exceed a limit by a few runs.
"""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Case, F, Sum, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

from vcfjobs import storage
from vcfjobs.errors import (
    LengthRequiredError,
    OwnerHasTooManyBytesError,
    OwnerHasTooManyRunsError,
    QueueFullError,
    StorageFullError,
    SubmittedTooOftenError,
    UploadTooLargeError,
)
from vcfjobs.models import ACTIVE, Run, Status


class SubmitRate(SimpleRateThrottle):
    """ANYVAR_SUBMIT_RATE, of one owner or, while the service is open, of one address.

    Counted in this process's memory, for the API and the pages together.
    """

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


def require_room(owner: str, size: int, *, arrived: int = 0) -> None:
    """Raise unless `owner` may have one more run with an upload of `size` bytes, or of `arrived` ones.

    What has arrived takes no more of the disk. Raises StorageFullError and QueueFullError for the service,
    OwnerHasTooManyRunsError and OwnerHasTooManyBytesError for the owner.
    """
    if storage.free_bytes() - size < settings.ANYVAR_MIN_FREE_BYTES:
        raise StorageFullError
    # A limit of 0 is none, and nothing is counted for it.
    queued = Run.objects.filter(status=Status.QUEUED)
    if (most := settings.ANYVAR_MAX_QUEUED_RUNS) and queued.count() >= most:
        raise QueueFullError
    active = Run.objects.filter(owner=owner, status__in=ACTIVE)
    if (most := settings.ANYVAR_OWNER_MAX_RUNS) and active.count() >= most:
        raise OwnerHasTooManyRunsError(most)
    most = settings.ANYVAR_OWNER_MAX_BYTES
    if most and (stored := stored_bytes(owner)) + size + arrived > most:
        raise OwnerHasTooManyBytesError(stored, most)


def stored_bytes(owner: str) -> int:
    """Bytes of the files that an owner's runs keep: results of those that succeeded, inputs of the rest."""
    kept = Case(
        When(status=Status.SUCCEEDED, then=Coalesce(F("result_bytes"), 0)),
        default=F("input_bytes"),
        output_field=BigIntegerField(),
    )
    return Run.objects.filter(owner=owner, expired=None).aggregate(bytes=Sum(kept))["bytes"] or 0
