"""Counts for an overview of the registry and its runs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import connection
from django.db.models import Count

from vcfjobs.database import row_counts
from vcfjobs.models import Allele, Run, Sequence, Status

RECENT_RUNS = 1000
COUNTED = 100_000  # more alleles than this are estimated


def stats() -> dict[str, Any]:
    """Counts for an overview.

    Alleles: an estimate above a hundred thousand. By type: summed over the reports of the latest thousand
    successful runs, so an allele counts once for each run.
    """
    # Rows, not keys: the index of the status has no keys, so counting them reads every row.
    by_status = dict(Run.objects.order_by().values_list("status").annotate(count=Count("*")))
    succeeded = Run.objects.filter(status=Status.SUCCEEDED).order_by("-created", "-id")
    by_type: Counter[str] = Counter()
    # A report may have 0.4 MB: only its counts leave the database.
    for counts in succeeded.values_list("report__alleles", flat=True)[:RECENT_RUNS]:
        by_type.update(counts or {})
    return {
        "runs": by_status,
        "alleles": estimated_count(),
        "alleles_by_type": dict(by_type),
        "sequences": Sequence.objects.count(),
    }


def estimated_count() -> int:
    """Registered alleles: counted up to a hundred thousand, then estimated, whatever their number."""
    known = row_counts.estimate(Allele.objects.all()) if connection.vendor == "postgresql" else _last_row()
    if known is not None and known >= COUNTED:
        return known
    return row_counts.at_most(Allele.objects.all(), 10 * COUNTED)


def _last_row() -> int:
    """SQLite numbers rows from 1 and alleles are never deleted, so the last number is their count."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(rowid), 0) FROM {Allele._meta.db_table}")  # noqa: S608
        return int(cursor.fetchone()[0])
