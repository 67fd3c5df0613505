"""A place in the order newest first, as text for an address: pages by key and not by number."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from vcfjobs.models import Run, RunQuerySet

ORDER = ("-created", "-id")


def place_of(run: Run) -> str:
    """ "<created, ISO 8601>~<uuid>", which an address takes as it is."""
    return f"{run.created.astimezone(UTC).isoformat().replace('+00:00', 'Z')}~{run.pk}"


def older_than(runs: RunQuerySet, place: str) -> RunQuerySet:
    """The runs that come after a place that `place_of` wrote; all of them where it is none."""
    found = _read(place)
    return (
        runs if found is None else runs.filter(Q(created__lt=found[0]) | Q(created=found[0], pk__lt=found[1]))
    )


def is_place(text: str) -> bool:
    """Whether `place_of` may have written the text."""
    return _read(text) is not None


def _read(text: str) -> tuple[datetime, UUID] | None:
    moment, _, pk = text.partition("~")
    with suppress(ValueError, OverflowError):
        created = datetime.fromisoformat(moment)
        return (created.astimezone(UTC), UUID(pk)) if created.tzinfo else None
    return None
