"""Load alleles in bulk, as fast as the engine delivers them.

Rows are sorted by digest before they are written: two runs with the same alleles then wait for each other
in the same order and cannot deadlock. An allele is written once and never changes, so a load that is
repeated changes nothing.
"""

from __future__ import annotations

import queue
import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable
from contextvars import copy_context
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

from django.conf import settings
from django.db import connection, transaction

from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Allele, Run, Sequence
from vcfjobs.registry.provenance import record_batch
from vcfjobs.vrs.vcf.substitutions import DIGEST, LITERAL, AlleleRow

BATCH = 50_000
# SQLite has one writer: a batch takes well under a second, so that heartbeats get in.
SQLITE_BATCH = 10_000
# A literal may be as long as a line of the file, so their bytes end a batch too.
BATCH_BYTES = 8 << 20

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
    keys, longest = _SequenceKeys(), Allele.LONGEST_OF_SPAN
    unique = {allele[DIGEST]: allele for allele in alleles}
    return [
        (digest, keys[accession], start, end, bisect_left(longest, end - start), length, subunit, literal)
        for digest, accession, start, end, literal, length, subunit in map(unique.__getitem__, sorted(unique))
    ]


class _SequenceKeys(dict[str, int]):
    """Primary keys of sequences by accession, each queried once."""

    def __missing__(self, accession: str) -> int:
        key = retry_on_outage(Sequence.objects.values_list("pk", flat=True).get)(accession=accession)
        self[accession] = key
        return key


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
    waits until everything is registered; an error of the thread is raised by the next `take`, or at the end.
    """

    def __init__(self, run: Run, first_batch: int = 0) -> None:
        self._run = run
        self._alleles: list[AlleleRow] = []
        self._literal_bytes = 0
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
            if kind is None and self._alleles:
                self._end_batch()
        finally:
            self._put(None)
            self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def take(self, alleles: Collection[AlleleRow]) -> None:
        """The next alleles of the file, in its order: the same file gives the same batches."""
        self._alleles += alleles
        self._literal_bytes += sum(map(len, filter(None, map(itemgetter(LITERAL), alleles))))
        if len(self._alleles) >= BATCH or self._literal_bytes >= BATCH_BYTES:
            self._end_batch()

    def _end_batch(self) -> None:
        # Prepared here, so that the thread only waits for the database and the processor stays the engine's.
        self._put((self._ordinal, _prepared(self._alleles)))
        self._ordinal += 1
        self._alleles, self._literal_bytes = [], 0
        if self._error is not None:
            raise self._error

    def _put(self, batch: tuple[int, list[Row]] | None) -> None:
        while self._thread.is_alive():
            try:
                self._batches.put(batch, timeout=0.2)
            except queue.Full:
                continue
            return

    def _work(self) -> None:
        try:
            while (batch := self._batches.get()) is not None:
                ordinal, rows = batch
                _write(rows)
                if settings.ANYVAR_PROVENANCE:
                    record_batch(self._run, ordinal, (digest for digest, *_ in rows))
        except BaseException as error:
            self._error = error
        finally:
            connection.close()
