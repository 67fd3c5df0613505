"""The allele registry: bulk load as fast as the engine gives, and look-up by identifier and by place.

Rows are sorted by digest before they are written: two runs that hold the same alleles then wait for each
other in the same order and cannot deadlock. An allele is written once and never changes, so whoever was
first is right, and a load that is repeated changes nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextvars import copy_context
from operator import itemgetter
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Func, IntegerField, QuerySet, RowRange, Sum, Value, Window
from django.db.models.functions import Coalesce, Length

from vcfjobs import counts
from vcfjobs.errors import RequestTooLargeError
from vcfjobs.models import Allele, Run, RunAlleles, Sequence
from vcfjobs.patience import patiently
from vcfjobs.vrs.digests import DIGEST_BYTES, digest_bytes, digest_text
from vcfjobs.vrs.one_base import AlleleRow

BATCH = 50_000
# SQLite has one writer: a batch holds it well under a second, so that heartbeats get in.
SQLITE_BATCH = 10_000
# Literals may be as long as a line of the file: a batch ends with so many of their bytes, too.
BATCH_BYTES = 8 << 20
# Above so many alleles nobody counts them.
COUNTED = 100_000
# So many batches, each 1.2 MB at most, a bounded search looks at between two glances at the clock.
BATCHES_AT_ONCE, MOST_BATCHES = 16, 128
# So does a page, with the allele that passes this.
PAGE_BYTES = 8 << 20
COLUMNS = ("digest", "sequence_id", "start", '"end"', "span", "length", "repeat_subunit_length", "literal")
_TABLE = Allele._meta.db_table
_NAMES = ", ".join(COLUMNS)
_literal = itemgetter(4)  # of an AlleleRow

Row = tuple[bytes, int, int, int, int, "int | None", "int | None", "str | None"]


class Page(NamedTuple):
    """Alleles in order, and the cursor of the next page; "" after the last."""

    alleles: list[Allele]
    next_cursor: str


def load(rows: Iterable[AlleleRow]) -> None:
    """Register alleles; those that are known stay as they are. Repeats a deadlock's or a lock's victim."""
    _write(_prepared(rows))


def _write(prepared: list[Row]) -> None:
    size = BATCH if connection.vendor == "postgresql" else SQLITE_BATCH
    for begin in range(0, len(prepared), size):
        _insert(prepared[begin : begin + size])


def _prepared(rows: Iterable[AlleleRow]) -> list[Row]:
    """Sorted by digest, each once, with the sequence's key and the class of the span."""
    keys, longest = _SequenceKeys(), Allele.LONGEST_OF_SPAN
    unique = {row[0]: row for row in rows}
    return [
        (digest, keys[accession], start, end, bisect_left(longest, end - start), length, subunit, literal)
        for digest, accession, start, end, literal, length, subunit in map(unique.__getitem__, sorted(unique))
    ]


class _SequenceKeys(dict[str, int]):
    """Primary keys of sequences by accession, asked for once each."""

    def __missing__(self, accession: str) -> int:
        key = patiently(lambda: Sequence.objects.values_list("pk", flat=True).get(accession=accession))
        self[accession] = key
        return key


def _insert(rows: list[Row]) -> None:
    def once() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            (_copy if connection.vendor == "postgresql" else _execute_many)(cursor, rows)

    patiently(once)


def _copy(cursor: Any, rows: list[Row]) -> None:
    """PostgreSQL: COPY into a table of this transaction's own, then one INSERT of what is new."""
    cursor.execute(f"CREATE TEMPORARY TABLE arriving (LIKE {_TABLE}) ON COMMIT DROP")
    with cursor.copy(f"COPY arriving ({_NAMES}) FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["bytea", "int8", "int4", "int4", "int2", "int4", "int4", "text"])
        for row in rows:
            copy.write_row(row)
    cursor.execute(
        f"INSERT INTO {_TABLE} ({_NAMES}) SELECT {_NAMES} FROM arriving ON CONFLICT DO NOTHING"  # noqa: S608
    )


def _execute_many(cursor: Any, rows: list[Row]) -> None:
    """SQLite: digests fall all over their index, so this connection keeps more of it than the usual 2 MB."""
    cursor.execute("PRAGMA cache_size = -131072")
    marks = ", ".join(["%s"] * len(COLUMNS))
    cursor.executemany(f"INSERT OR IGNORE INTO {_TABLE} ({_NAMES}) VALUES ({marks})", rows)  # noqa: S608


class Loader:
    """Loads beside the engine: a thread writes batches of alleles while the next are annotated.

    A context for one attempt of a run, or of a shard of it, whose batches are numbered from `first_batch`.
    Leaving it waits until everything is registered; an error of the thread is raised by the next `take`,
    or at the end.
    """

    def __init__(self, run: Run, first_batch: int = 0) -> None:
        self._run = run
        self._held: list[AlleleRow] = []
        self._held_bytes = 0
        self._ordinal = first_batch
        self._error: BaseException | None = None
        self._batches: queue.Queue[tuple[int, list[Row]] | None] = queue.Queue(maxsize=2)
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work,), name=f"registry-{run.pk}", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._held:
                self._hand_over()
        finally:
            self._put(None)
            self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def take(self, rows: list[AlleleRow]) -> None:
        """The next alleles of the file, in its order: the same file gives the same batches."""
        self._held += rows
        self._held_bytes += sum(map(len, filter(None, map(_literal, rows))))
        if len(self._held) >= BATCH or self._held_bytes >= BATCH_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        # Prepared here, so that the thread only waits for the database and the processor stays the engine's.
        self._put((self._ordinal, _prepared(self._held)))
        self._ordinal += 1
        self._held, self._held_bytes = [], 0
        if self._error is not None:
            raise self._error

    def _put(self, item: tuple[int, list[Row]] | None) -> None:
        while self._thread.is_alive():
            try:
                self._batches.put(item, timeout=0.2)
            except queue.Full:
                continue
            return

    def _work(self) -> None:
        try:
            while (item := self._batches.get()) is not None:
                ordinal, rows = item
                _write(rows)
                if settings.ANYVAR_PROVENANCE:
                    _remember(self._run, ordinal, rows)
        except BaseException as error:
            self._error = error
        finally:
            connection.close()


def _remember(run: Run, ordinal: int, rows: list[Row]) -> None:
    """Keep which alleles the batch held; a repeated batch of another attempt has the same content."""
    digests = b"".join([row[0] for row in rows])
    batch = RunAlleles(run=run, ordinal=ordinal, digests=digests)
    patiently(
        lambda: RunAlleles.objects.bulk_create(
            [batch], update_conflicts=True, update_fields=["digests"], unique_fields=["run", "ordinal"]
        )
    )


def find(digests: Iterable[str]) -> list[Allele]:
    """The registered alleles of these digests (32 characters each) by digest, in one query.

    Raises RequestTooLargeError when more than one is asked for and their literals are above PAGE_BYTES.
    """
    asked = list(digests)
    before = Window(Sum(Length("literal")), order_by="digest", frame=RowRange(end=-1))
    known = Allele.objects.filter(digest__in=asked).select_related("sequence")
    bounded = known.annotate(before=Coalesce(before, 0)).filter(before__lt=PAGE_BYTES).order_by("digest")
    found: list[Allele] = list(bounded)
    if len(asked) > 1 and sum(len(allele.literal or "") for allele in found) >= PAGE_BYTES:
        raise RequestTooLargeError("These alleles are too large for one answer: ask for fewer at once.")
    return found


def overlapping(sequence: Sequence, start: int, end: int, *, size: int, cursor: str = "") -> Page:
    """Alleles whose location touches [start, end], both ends included, by (start, digest).

    One query: a range of the index for each class of spans, merged. `cursor` is a page's `next_cursor`.
    A page of long literals holds fewer than `size` alleles. Raises ValueError for a cursor that is none.
    """
    after = parse_cursor(cursor) if cursor else (-1, b"")
    parts, values = [], []
    for number, longest in enumerate(Allele.LONGEST_OF_SPAN):
        parts.append(
            f"SELECT * FROM (SELECT * FROM {_TABLE} WHERE sequence_id = %s AND span = {number} "  # noqa: S608
            'AND start >= %s AND start <= %s AND "end" >= %s AND (start, digest) > (%s, %s) '
            "ORDER BY start, digest LIMIT %s) AS part"
        )
        values += [sequence.pk, max(start - longest, after[0]), end, start, *after, size + 1]
    first = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY start, digest LIMIT %s"  # noqa: S608
    before = "ORDER BY start, digest ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    measured = f"SELECT *, SUM(LENGTH(literal)) OVER ({before}) AS before FROM ({first}) AS first"  # noqa: S608
    sql = f"SELECT * FROM ({measured}) AS page WHERE COALESCE(before, 0) < %s ORDER BY start, digest"  # noqa: S608
    found = list(Allele.objects.raw(sql, [*values, size + 1, PAGE_BYTES]))
    for allele in found:
        allele.sequence = sequence
    full = len(found) > size or sum(len(allele.literal or "") for allele in found) >= PAGE_BYTES
    shown = found[:size]
    return Page(shown, make_cursor(shown[-1]) if full else "")


def make_cursor(allele: Allele) -> str:
    """The place of an allele in the order (start, digest)."""
    return f"{allele.start}.{allele.digest}"


def parse_cursor(cursor: str) -> tuple[int, bytes]:
    """The place that `make_cursor` wrote; raises ValueError."""
    start, _, digest = cursor.partition(".")
    if not 0 <= int(start) < 2**31:
        raise ValueError("no start of an allele")
    return int(start), digest_bytes(digest)


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


def estimated_count() -> int:
    """Registered alleles: counted up to a hundred thousand, then estimated, whatever their number."""
    known = counts.estimate(Allele.objects.all()) if connection.vendor == "postgresql" else _last_row()
    if known is not None and known >= COUNTED:
        return known
    return counts.at_most(Allele.objects.all(), 10 * COUNTED)


def _last_row() -> int:
    """SQLite numbers rows from 1, and alleles are never deleted: the last number is how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(rowid), 0) FROM {_TABLE}")  # noqa: S608
        return int(cursor.fetchone()[0])
