"""Which run held which alleles: recorded batch by batch, searched in the batches' bytes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Func, IntegerField, QuerySet, Value

from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Run, RunAlleles
from vcfjobs.vrs.digests import DIGEST_BYTES, digest_bytes, digest_text

# So many batches, each 1.2 MB at most, a bounded search looks at between two glances at the clock.
BATCHES_AT_ONCE = 16
MOST_BATCHES = 128


def record_batch(run: Run, ordinal: int, digests: Iterable[bytes]) -> None:
    """Record which alleles a batch held; a repeated batch of another attempt has the same content."""
    batch = RunAlleles(run=run, ordinal=ordinal, digests=b"".join(digests))
    retry_on_outage(RunAlleles.objects.bulk_create)(
        [batch], update_conflicts=True, update_fields=["digests"], unique_fields=["run", "ordinal"]
    )


class _Position(Func):
    """Where bytes first stand in a column of bytes, from 1; 0 where they do not."""

    function = "INSTR"
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """POSITION(needle IN haystack), the other way round."""
        turned = self.copy()
        turned.set_source_expressions(self.get_source_expressions()[::-1])
        return turned.as_sql(
            compiler, connection, template="POSITION(%(expressions)s)", arg_joiner=" IN ", **context
        )


def runs_holding(digest: str, visible: Any) -> Iterator[Run]:
    """The runs among `visible` (a query set of runs) that held the allele, newest first.

    The digests of a batch are searched as bytes by the database; a hit counts on a digest's border only.
    """
    raw = digest_bytes(digest)
    batches = _with_bytes(RunAlleles.objects.filter(run__in=visible), raw)
    for run in visible.filter(pk__in=batches.values("run")).order_by("-created", "-id"):
        if any(_holds(bytes(batch.digests), raw) for batch in batches.filter(run=run)):
            yield run


def _with_bytes(batches: QuerySet[RunAlleles], raw: bytes) -> QuerySet[RunAlleles]:
    """Those of the batches in which the bytes stand somewhere, on a digest's border or not."""
    return batches.annotate(found=_Position("digests", Value(raw))).filter(found__gt=0)


def _holds(digests: bytes, raw: bytes) -> bool:
    at = digests.find(raw)
    while at >= 0 and at % DIGEST_BYTES:
        at = digests.find(raw, at + 1)
    return at >= 0


def digests_of(run: Run, after: tuple[int, int], size: int) -> tuple[list[str], tuple[int, int] | None]:
    """A page of the digests that a run held, and the place of the next: (batch, digest in it)."""
    ordinal, offset = after
    batch = RunAlleles.objects.filter(run=run, ordinal__gte=ordinal).order_by("ordinal").first()
    if batch is None:
        return [], None
    begin = offset * DIGEST_BYTES if batch.ordinal == ordinal else 0
    raw = bytes(batch.digests)
    part = raw[begin : begin + size * DIGEST_BYTES]
    found = [digest_text(part[at : at + DIGEST_BYTES]) for at in range(0, len(part), DIGEST_BYTES)]
    done = begin + len(part)
    if done < len(raw):
        return found, (batch.ordinal, done // DIGEST_BYTES)
    more = RunAlleles.objects.filter(run=run, ordinal__gt=batch.ordinal).exists()
    return found, (batch.ordinal + 1, 0) if more else None


def latest_runs_holding(digest: str, *, most: int, seconds: float) -> tuple[list[Run], bool]:
    """Runs of whatever owner that held the allele, newest first, and whether the search saw all there are.

    It begins with what was registered last and ends with `most` runs found, or when `seconds` are over.
    """
    give_up = time.monotonic() + seconds
    raw, found = digest_bytes(digest), set[Any]()
    batches, size = RunAlleles.objects.order_by("-pk"), BATCHES_AT_ONCE
    keys = list(batches.values_list("pk", flat=True)[:size])
    while keys and len(found) < most and time.monotonic() < give_up:
        began = time.monotonic()
        near = _with_bytes(batches.filter(pk__in=keys), raw)
        found |= {batch.run_id for batch in near if _holds(bytes(batch.digests), raw)}
        if time.monotonic() - began < seconds / 20:  # they are small
            size = min(2 * size, MOST_BATCHES)
        keys = list(batches.filter(pk__lt=keys[-1]).values_list("pk", flat=True)[:size])
    runs = Run.objects.filter(pk__in=found).defer("report", "traceback").order_by("-created", "-id")
    return list(runs[:most]), not keys
