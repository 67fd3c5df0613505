"""Which run had which alleles: recorded batch by batch, searched in the batches' bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import Count, Func, IntegerField, Value

from vcfjobs.database.keyset_pagination import ORDER, decode_cursor, encode_cursor, older_than, whole_number
from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Allele, Run, RunAlleles, RunQuerySet
from vcfjobs.vrs.digests import ALLELE_PREFIX, DIGEST_BYTES, digest_bytes, digest_text

IDS_A_PAGE = 10_000
# One page searches the batches, each 1.2 MB at most, of so many runs and not more batches than that.
RUNS_SEARCHED = 100
BATCHES_SEARCHED = 500
RUNS_A_PAGE = 20


def record_batch(run: Run, ordinal: int, digests: bytes) -> None:
    """Record which alleles a batch had, their digests on end.

    A batch that another attempt repeats has the same content.
    """
    batch = RunAlleles(run=run, ordinal=ordinal, digests=digests)
    retry_on_outage(RunAlleles.objects.bulk_create)(
        [batch], update_conflicts=True, update_fields=["digests"], unique_fields=["run", "ordinal"]
    )


def alleles_of(run: Run, cursor: str) -> tuple[list[str], str]:
    """A page of the identifiers of a run's alleles, and the cursor of the next; "" after the last.

    A cursor is the batch's number and the index in it. Raises InvalidCursorError.
    """
    ordinal, index = decode_cursor(cursor, whole_number, whole_number) if cursor else (0, 0)
    batches = RunAlleles.objects.filter(run=run).order_by("ordinal")
    batch = batches.filter(ordinal__gte=ordinal).first()
    if batch is None:
        return [], ""
    raw = bytes(batch.digests)
    begin = index * DIGEST_BYTES if batch.ordinal == ordinal else 0
    end = min(begin + IDS_A_PAGE * DIGEST_BYTES, len(raw))
    ids = [ALLELE_PREFIX + digest_text(raw[at : at + DIGEST_BYTES]) for at in range(begin, end, DIGEST_BYTES)]
    if end < len(raw):
        return ids, encode_cursor(batch.ordinal, end // DIGEST_BYTES)
    more = batches.filter(ordinal__gt=batch.ordinal).exists()
    return ids, encode_cursor(batch.ordinal + 1, 0) if more else ""


@dataclass(frozen=True, slots=True)
class HoldingRuns:
    """A page of runs that had an allele; `older` is the cursor of the next, "" after the last."""

    runs: list[Run]
    first: bool
    older: str


def runs_holding(allele: Allele, visible: RunQuerySet, cursor: str) -> HoldingRuns:
    """A page of the runs among `visible` that had the allele, newest first.

    It searches RUNS_SEARCHED runs at most, fewer when they are large, and shows RUNS_A_PAGE: three queries,
    and one for each run that is found. `cursor` is a page's `older`. Raises InvalidCursorError.
    """
    rows = older_than(visible.filter(register=True), cursor).order_by(*ORDER).only("created")
    following = list(rows[: RUNS_SEARCHED + 1])
    searched = _within_bounds(following[:RUNS_SEARCHED])
    some = visible.filter(pk__in=[run.pk for run in searched])
    found = list(islice(_holding(digest_bytes(allele.digest), some), RUNS_A_PAGE + 1))
    last = None
    if len(found) > RUNS_A_PAGE:
        found.pop()
        last = found[-1]
    elif len(searched) < len(following):
        last = searched[-1]
    return HoldingRuns(found, first=not cursor, older=encode_cursor(last.created, last.pk) if last else "")


def _within_bounds(runs: list[Run]) -> list[Run]:
    """The first runs that have no more than BATCHES_SEARCHED batches together; the first one in any case."""
    sizes = dict(RunAlleles.objects.filter(run__in=runs).order_by().values_list("run").annotate(Count("pk")))
    total = 0
    for number, run in enumerate(runs):
        total += sizes.get(run.pk, 0)
        if number and total > BATCHES_SEARCHED:
            return runs[:number]
    return runs


def _holding(raw: bytes, visible: RunQuerySet) -> Iterator[Run]:
    # The bytes may also occur across two digests, so what the database finds is looked at again.
    batches = RunAlleles.objects.filter(run__in=visible).annotate(at=_Position("digests", Value(raw)))
    batches = batches.filter(at__gt=0)
    for run in visible.filter(pk__in=batches.values("run")).order_by(*ORDER):
        if any(_holds(bytes(batch.digests), raw) for batch in batches.filter(run=run)):
            yield run


def latest_runs_holding(allele: Allele, *, most: int, seconds: float) -> tuple[list[Run], bool]:
    """The latest runs of all owners that had the allele, and whether there are no others.

    The search goes from page to page until `most` runs are found or the time is over.
    """
    give_up = time.monotonic() + seconds
    runs = Run.objects.defer("report", "traceback")
    found: list[Run] = []
    page = None
    while (page is None or page.older) and len(found) <= most and time.monotonic() < give_up:
        page = runs_holding(allele, runs, page.older if page else "")
        found += page.runs
    return found[:most], page is not None and not page.older and len(found) <= most


class _Position(Func):
    """Where bytes first occur in a column of bytes, from 1; 0 where they do not."""

    function = "INSTR"
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, function="pg_catalog.position", **context)


def _holds(digests: bytes, raw: bytes) -> bool:
    """Whether the bytes occur at the start of a digest."""
    at = digests.find(raw)
    while at >= 0 and at % DIGEST_BYTES:
        at = digests.find(raw, at + 1)
    return at >= 0
