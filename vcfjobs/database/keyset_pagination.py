"""Pages by key: a page starts after the keys of the last row, so no page costs more than the first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from vcfjobs.errors import InvalidCursorError

Rows = TypeVar("Rows", bound=QuerySet[Any])

ORDER = ("-created", "-id")


def encode_cursor(*keys: object) -> str:
    """The keys of a row, joined by "~", as text that needs no escaping in a URL; times are in UTC."""
    return "~".join(
        key.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(key, datetime) else str(key)
        for key in keys
    )


def decode_cursor(cursor: str, *parsers: Callable[[str], Any]) -> tuple[Any, ...]:
    """The keys of a row, each read by its parser. Raises InvalidCursorError."""
    try:
        return tuple(parse(key) for parse, key in zip(parsers, cursor.split("~"), strict=True))
    except (ValueError, OverflowError) as error:
        raise InvalidCursorError from error


def whole_number(text: str) -> int:
    """A number from 0 that fits the database's largest integer. Raises ValueError."""
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError("out of range")
    return number


def older_than(runs: Rows, cursor: str) -> Rows:
    """The runs older than that of `encode_cursor(created, pk)`; all for "". Raises InvalidCursorError."""
    if not cursor:
        return runs
    created, pk = decode_cursor(cursor, _moment, UUID)
    return runs.filter(Q(created__lt=created) | Q(created=created, pk__lt=pk))


def known_cursor(cursor: str) -> str:
    """The cursor when `older_than` takes it, else "", the first page."""
    try:
        decode_cursor(cursor, _moment, UUID)
    except InvalidCursorError:
        return ""
    return cursor


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC)
