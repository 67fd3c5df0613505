"""Counts that stay quick however many rows there are: bounded, or the database's own estimate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import QuerySet


class Precision(StrEnum):
    EXACT = "exact"
    ABOUT = "about"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of rows, and how far it can be trusted."""

    number: int
    precision: Precision = Precision.EXACT


def at_most(rows: QuerySet[Any], most: int) -> int:
    """How many rows there are; counting ends at `most`."""
    return rows.order_by()[:most].count()


def estimate(rows: QuerySet[Any]) -> int | None:
    """How many rows PostgreSQL's planner expects, without reading any; None from another database.

    From the table's statistics and its size on disk, so there is an estimate before the first ANALYZE too.
    """
    if connection.vendor != "postgresql":
        return None
    plan = json.loads(rows.order_by().explain(format="json"))
    return int(plan[0]["Plan"]["Plan Rows"])


def tally(rows: QuerySet[Any], most: int) -> Tally:
    """The exact count up to `most`; beyond it the estimate, or where there is none that it is over `most`."""
    counted = at_most(rows, most + 1)
    if counted <= most:
        return Tally(counted)
    expected = estimate(rows)
    if expected is None or expected <= most:
        return Tally(most, Precision.OVER)
    return Tally(expected, Precision.ABOUT)
