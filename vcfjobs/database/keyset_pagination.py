"""A place in the order newest first, as text for an address: pages by key and not by number."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

Rows = TypeVar("Rows", bound=QuerySet[Any])

ORDER = ("-created", "-id")


def encode_cursor(run: Any) -> str:
    """ "<created, ISO 8601>~<uuid>", which an address takes as it is."""
    return f"{run.created.astimezone(UTC).isoformat().replace('+00:00', 'Z')}~{run.pk}"


def older_than(rows: Rows, place: str) -> Rows:
    """The rows that come after a place that `encode_cursor` wrote; all of them where it is none."""
    found = _read(place)
    if found is None:
        return rows
    created, pk = found
    return rows.filter(Q(created__lt=created) | Q(created=created, pk__lt=pk))


def is_cursor(text: str) -> bool:
    """Whether `encode_cursor` may have written the text."""
    return _read(text) is not None


def _read(text: str) -> tuple[datetime, UUID] | None:
    moment, _, pk = text.partition("~")
    with suppress(ValueError, OverflowError):
        created = datetime.fromisoformat(moment)
        return (created.astimezone(UTC), UUID(pk)) if created.tzinfo else None
    return None
