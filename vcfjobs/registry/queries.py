"""What a user asks of the registry: alleles by identifier and by place, their runs, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Count

from vcfjobs.database import row_counts
from vcfjobs.database.keyset_pagination import ORDER, encode_cursor, is_cursor, older_than
from vcfjobs.errors import InvalidCursorError
from vcfjobs.models import Allele, Run, RunAlleles, RunQuerySet, Sequence, Status
from vcfjobs.registry import provenance, search
from vcfjobs.registry.load import _TABLE
from vcfjobs.registry.search import Page
from vcfjobs.vrs.digests import ALLELE_PREFIX, digest_bytes

IDS_A_PAGE = 10_000
RECENT_RUNS = 1000
# Which runs held an allele is searched in the bytes of their batches, up to 1.2 MB each: so many at a time.
RUNS_SEARCHED = 100
BATCHES_SEARCHED = 500
RUNS_A_PAGE = 20

__all__ = [
    "HoldingRuns",
    "Page",
    "alleles_of",
    "find_alleles",
    "overlapping",
    "registered",
    "runs_holding",
    "stats",
]

overlapping = search.overlapping


def digest_of(vrs_id: str) -> str | None:
    """The digest of an allele's identifier (`ga4gh:VA.…`); None for what is none."""
    digest = vrs_id.removeprefix(ALLELE_PREFIX)
    with suppress(ValueError):
        digest_bytes(digest)
        return digest if digest != vrs_id else None
    return None


def find_alleles(vrs_ids: Iterable[str]) -> list[Allele]:
    """The registered alleles among these identifiers, in one query."""
    return search.find(digest for vrs_id in vrs_ids if (digest := digest_of(vrs_id)))


def registered(vrs_ids: Iterable[str]) -> set[str]:
    """Which of these identifiers are registered, in one query that reads their keys alone."""
    digests = [digest for vrs_id in vrs_ids if (digest := digest_of(vrs_id))]
    found = Allele.objects.filter(digest__in=digests).values_list("digest", flat=True)
    return {ALLELE_PREFIX + str(digest) for digest in found}


@dataclass(frozen=True, slots=True)
class HoldingRuns:
    """Some of the runs that held the allele; `older` is the place from which to look on, "" at the end."""

    runs: list[Run]
    first: bool
    older: str


def runs_holding(allele: Allele, visible: RunQuerySet, before: str) -> HoldingRuns:
    """The runs among the next of `visible` that held the allele, newest first.

    One page looks through RUNS_SEARCHED runs at most, fewer when they are large, and shows RUNS_A_PAGE: three
    queries, and one for each run that is found. `before` is a page's `older`; what is none is the beginning.
    """
    rows = older_than(visible.filter(register=True), before).order_by(*ORDER).only("created")
    following = list(rows[: RUNS_SEARCHED + 1])
    looked = _within_bounds(following[:RUNS_SEARCHED])
    some = visible.filter(pk__in=[run.pk for run in looked])
    found = list(islice(provenance.runs_holding(allele.digest, some), RUNS_A_PAGE + 1))
    if len(found) > RUNS_A_PAGE:
        found, older = found[:RUNS_A_PAGE], encode_cursor(found[RUNS_A_PAGE - 1])
    else:
        older = encode_cursor(looked[-1]) if len(looked) < len(following) else ""
    return HoldingRuns(found, not is_cursor(before), older)


def _within_bounds(runs: list[Run]) -> list[Run]:
    """The first runs that have no more than BATCHES_SEARCHED batches together; the first one in any case."""
    counted = RunAlleles.objects.filter(run__in=runs).order_by().values_list("run").annotate(Count("pk"))
    sizes = dict(counted)
    looked: list[Run] = []
    batches = 0
    for run in runs:
        batches += sizes.get(run.pk, 0)
        if looked and batches > BATCHES_SEARCHED:
            break
        looked.append(run)
    return looked


def alleles_of(run: Run, cursor: str) -> tuple[list[str], str]:
    """A page of the identifiers that a run held, and the cursor of the next; "" after the last."""
    try:
        ordinal, offset = (int(part) for part in (cursor or "0.0").split("."))
    except ValueError as error:
        raise InvalidCursorError from error
    digests, following = provenance.digests_of(run, (ordinal, offset), IDS_A_PAGE)
    next_cursor = f"{following[0]}.{following[1]}" if following else ""
    return [f"{ALLELE_PREFIX}{digest}" for digest in digests], next_cursor


def latest_runs_holding(vrs_id: str, *, most: int, seconds: float) -> tuple[list[Run], bool]:
    """The newest of all runs that held the allele, and whether the bounded search saw all there are."""
    return provenance.latest_runs_holding(vrs_id.removeprefix(ALLELE_PREFIX), most=most, seconds=seconds)


def stats() -> dict[str, Any]:
    """Counts for an overview.

    Alleles: an estimate above a hundred thousand. By type: summed over the reports of the latest thousand
    runs that succeeded, where one allele counts once a run.
    """
    # Rows, not keys: the index of the status has no keys, so counting them reads every row.
    by_status = dict(Run.objects.order_by().values_list("status").annotate(count=Count("*")))
    by_type: Counter[str] = Counter()
    succeeded = Run.objects.filter(status=Status.SUCCEEDED).order_by("-created", "-id")
    for report in succeeded.values_list("report", flat=True)[:RECENT_RUNS]:
        by_type.update((report or {}).get("alleles", {}))
    return {
        "runs": by_status,
        "alleles": estimated_count(),
        "alleles_by_type": dict(by_type),
        "sequences": Sequence.objects.count(),
    }


# Above so many alleles nobody counts them.
COUNTED = 100_000


def estimated_count() -> int:
    """Registered alleles: counted up to a hundred thousand, then estimated, whatever their number."""
    known = row_counts.estimate(Allele.objects.all()) if connection.vendor == "postgresql" else _last_row()
    if known is not None and known >= COUNTED:
        return known
    return row_counts.at_most(Allele.objects.all(), 10 * COUNTED)


def _last_row() -> int:
    """SQLite numbers rows from 1, and alleles are never deleted: the last number is how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(rowid), 0) FROM {_TABLE}")  # noqa: S608
        return int(cursor.fetchone()[0])
