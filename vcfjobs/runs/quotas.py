"""Limits for new runs: runs and bytes of one owner, length of the queue, and free disk space.

Checked before an upload is read, so that no client sends what cannot be kept, and again before it is
recorded. Simultaneous submits may exceed a limit by a few runs.
"""

from __future__ import annotations

from django.conf import settings
from django.db.models import BigIntegerField, Case, F, Sum, When
from django.db.models.functions import Coalesce

from vcfjobs import storage
from vcfjobs.errors import (
    OwnerHasTooManyBytesError,
    OwnerHasTooManyRunsError,
    QueueFullError,
    StorageFullError,
)
from vcfjobs.models import ACTIVE, Run, Status


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
