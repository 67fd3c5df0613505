"""The allele registry: bulk load as fast as the engine gives, and look-up by identifier and by place.

Rows are sorted by digest before they are written: two runs that hold the same alleles then wait for each
other in the same order and cannot deadlock. An allele is written once and never changes, so whoever was
first is right, and a load that is repeated changes nothing.
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
from vcfjobs.vrs.vcf.substitutions import AlleleRow

BATCH = 50_000
# SQLite has one writer: a batch holds it well under a second, so that heartbeats get in.
SQLITE_BATCH = 10_000
# Literals may be as long as a line of the file: a batch ends with so many of their bytes, too.
BATCH_BYTES = 8 << 20
COLUMNS = ("digest", "sequence_id", "start", '"end"', "span", "length", "repeat_subunit_length", "literal")
_TABLE = Allele._meta.db_table
_NAMES = ", ".join(COLUMNS)
_literal = itemgetter(4)  # of an AlleleRow

Row = tuple[bytes, int, int, int, int, "int | None", "int | None", "str | None"]


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
        key = retry_on_outage(lambda: Sequence.objects.values_list("pk", flat=True).get(accession=accession))
        self[accession] = key
        return key


def _insert(rows: list[Row]) -> None:
    def once() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            (_copy if connection.vendor == "postgresql" else _execute_many)(cursor, rows)

    retry_on_outage(once)


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

    def take(self, rows: Collection[AlleleRow]) -> None:
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
                    record_batch(self._run, ordinal, [row[0] for row in rows])
        except BaseException as error:
            self._error = error
        finally:
            connection.close()
