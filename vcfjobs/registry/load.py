"""Load alleles in bulk, as fast as the engine delivers them.

Rows are sorted by digest before they are written: two runs with the same alleles then wait for each other
in the same order and cannot deadlock. An allele is written once and never changes, so a load that is
repeated changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from operator import itemgetter
from typing import Any, Self

from django.conf import settings
from django.db import connection, transaction

from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Allele, Run, Sequence
from vcfjobs.registry.provenance import record_batch
from vcfjobs.vrs.vcf.alleles import DIGEST, LITERAL, AlleleRow

BATCH = 50_000
# SQLite has one writer: a batch takes well under a second, so that heartbeats get in.
SQLITE_BATCH = 10_000
# A literal may be as long as a line of the file, so their bytes end a batch too.
BATCH_BYTES = 8 << 20
# Batches that wait for the database, in memory, before the engine waits too.
PENDING_BATCHES = 2

# A row of the table: its columns in this order, with their types in PostgreSQL.
Row = tuple[bytes, int, int, int, int, "int | None", "int | None", "str | None"]
COLUMNS = {
    "digest": "bytea",
    "sequence_id": "int8",
    "start": "int4",
    '"end"': "int4",
    "span": "int2",
    "length": "int4",
    "repeat_subunit_length": "int4",
    "literal": "text",
}
_TABLE = Allele._meta.db_table
_NAMES = ", ".join(COLUMNS)


def load(alleles: Iterable[AlleleRow]) -> None:
    """Register alleles; known ones stay as they are. Tries again after a deadlock or a locked database."""
    _write(_prepared(alleles))


def _prepared(alleles: Iterable[AlleleRow]) -> list[Row]:
    """Sorted by digest, each once, with the sequence's key and the class of the span."""
    unique = {allele[DIGEST]: allele for allele in alleles}
    key_of = retry_on_outage(Sequence.objects.values_list("pk", flat=True).get)
    keys = {name: key_of(accession=name) for name in {accession for _, accession, *_ in unique.values()}}
    longest = Allele.LONGEST_OF_SPAN
    return [
        (digest, keys[accession], start, end, bisect_left(longest, end - start), length, subunit, literal)
        for digest, accession, start, end, literal, length, subunit in map(unique.__getitem__, sorted(unique))
    ]


def _write(rows: list[Row]) -> None:
    insert, size = (_copy, BATCH) if connection.vendor == "postgresql" else (_execute_many, SQLITE_BATCH)

    @retry_on_outage
    def insert_part(part: list[Row]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            insert(cursor, part)

    for begin in range(0, len(rows), size):
        insert_part(rows[begin : begin + size])


def _copy(cursor: Any, rows: list[Row]) -> None:
    """PostgreSQL: COPY into a table of this transaction, then one INSERT of the new alleles."""
    cursor.execute(f"CREATE TEMPORARY TABLE arriving (LIKE {_TABLE}) ON COMMIT DROP")
    with cursor.copy(f"COPY arriving ({_NAMES}) FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(list(COLUMNS.values()))
        for row in rows:
            copy.write_row(row)
    cursor.execute(
        f"INSERT INTO {_TABLE} ({_NAMES}) SELECT {_NAMES} FROM arriving ON CONFLICT DO NOTHING"  # noqa: S608
    )


def _execute_many(cursor: Any, rows: list[Row]) -> None:
    """SQLite: digests are spread all over their index, so cache more of it than the default 2 MB."""
    cursor.execute("PRAGMA cache_size = -131072")
    marks = ", ".join(["%s"] * len(COLUMNS))
    cursor.executemany(f"INSERT OR IGNORE INTO {_TABLE} ({_NAMES}) VALUES ({marks})", rows)  # noqa: S608


class Loader:
    """Loads beside the engine: a thread writes batches of alleles while the next are annotated.

    A context for one attempt of a run or shard, whose batches are numbered from `first_batch`. Leaving it
    waits until everything is registered; an error of the thread is raised by a later `take`, or at the end.
    """

    def __init__(self, run: Run, first_batch: int = 0) -> None:
        self._run = run
        self._alleles: list[AlleleRow] = []
        self._literal_bytes = 0
        self._ordinal = first_batch
        self._context = copy_context()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"registry-{run.pk}")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                if self._alleles:
                    self._end_batch()
                self._wait(most=0)
        finally:
            for batch in self._pending:
                batch.cancel()
            self._thread.submit(lambda: connection.close())  # its own, which only it can look up
            self._thread.shutdown()

    def take(self, alleles: Collection[AlleleRow]) -> None:
        """The next alleles of the file, in its order: the same file gives the same batches."""
        self._alleles += alleles
        self._literal_bytes += sum(map(len, filter(None, map(itemgetter(LITERAL), alleles))))
        if len(self._alleles) >= BATCH or self._literal_bytes >= BATCH_BYTES:
            self._end_batch()
            self._wait(most=PENDING_BATCHES)

    def _end_batch(self) -> None:
        # Prepared here, so that the thread only waits for the database and the processor stays the engine's.
        rows = _prepared(self._alleles)
        self._pending.append(self._thread.submit(self._context.run, self._register, self._ordinal, rows))
        self._ordinal += 1
        self._alleles, self._literal_bytes = [], 0

    def _wait(self, most: int) -> None:
        while len(self._pending) > most:
            self._pending.popleft().result()

    def _register(self, ordinal: int, rows: list[Row]) -> None:
        _write(rows)
        if settings.ANYVAR_PROVENANCE:
            record_batch(self._run, ordinal, (digest for digest, *_ in rows))
