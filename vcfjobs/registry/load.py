"""Load alleles in bulk, as fast as the engine delivers them.

Rows are sorted by digest before they are written: two runs with the same alleles then wait for each other
in the same order and cannot deadlock. An allele is written once and never changes, so a load that is
repeated changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Self

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Allele, Run, Sequence
from vcfjobs.registry.binary_copy import Keys, binary_rows
from vcfjobs.registry.provenance import record_batch
from vcfjobs.vrs.vcf.alleles import AlleleRow
from vcfjobs.vrs.vcf.batch import DIGEST_BYTES, END, START, AlleleBatch

BATCH = 50_000
# SQLite has one writer: a batch takes well under a second, so that heartbeats get in.
SQLITE_BATCH = 10_000
# A literal may be as long as a line of the file, so their bytes end a batch too.
BATCH_BYTES = 8 << 20
# Batches that wait for the database, in memory, before the engine waits too.
PENDING_BATCHES = 2

# The columns of the table in the order of a row.
COLUMNS = ("digest", "sequence_id", "start", '"end"', "span", "length", "repeat_subunit_length", "literal")
_TABLE = Allele._meta.db_table
_NAMES = ", ".join(COLUMNS)


def load(alleles: Collection[AlleleRow]) -> None:
    """Register alleles; known ones stay as they are. Tries again after a deadlock or a locked database."""
    batch = _batch(alleles)
    for begin in range(0, len(batch), BATCH):
        _write(batch[begin : begin + BATCH])


def _batch(alleles: Collection[AlleleRow]) -> AlleleBatch:
    return alleles if isinstance(alleles, AlleleBatch) else AlleleBatch.from_rows(alleles)


def _write(batch: AlleleBatch) -> None:
    key_of = retry_on_outage(Sequence.objects.values_list("pk", flat=True).get)
    sequences = np.array([key_of(accession=name) for name in batch.accessions], np.int64)
    sizes = batch.columns[:, END] - batch.columns[:, START]
    spans = np.searchsorted(Allele.LONGEST_OF_SPAN, sizes)
    insert, size = (_copy, BATCH) if connection.vendor == "postgresql" else (_execute_many, SQLITE_BATCH)

    @retry_on_outage
    def insert_part(part: slice) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            insert(cursor, batch[part], sequences, spans[part])

    for begin in range(0, len(batch), size):
        insert_part(slice(begin, begin + size))


def _copy(cursor: Any, batch: AlleleBatch, sequences: Keys, spans: Keys) -> None:
    """PostgreSQL: COPY into a table of this transaction, then one INSERT of the new alleles."""
    cursor.execute(f"CREATE TEMPORARY TABLE arriving (LIKE {_TABLE}) ON COMMIT DROP")
    copy_in = f"COPY arriving ({_NAMES}) FROM STDIN WITH (FORMAT BINARY)"
    # psycopg's own errors in a COPY become Django's, as `retry_on_outage` expects them.
    with connection.wrap_database_errors, cursor.copy(copy_in) as copy:
        for piece in binary_rows(batch, sequences, spans):
            copy.write(piece)
    cursor.execute(
        f"INSERT INTO {_TABLE} ({_NAMES}) SELECT {_NAMES} FROM arriving ORDER BY digest "  # noqa: S608
        "ON CONFLICT DO NOTHING"
    )


def _execute_many(cursor: Any, batch: AlleleBatch, sequences: Keys, spans: Keys) -> None:
    """SQLite: digests are spread all over their index, so cache more of it than the default 2 MB."""
    cursor.execute("PRAGMA cache_size = -131072")
    marks = ", ".join(["%s"] * len(COLUMNS))
    rows = zip(*_columns(batch, sequences, spans), strict=True)  # values are put together in C
    cursor.executemany(f"INSERT OR IGNORE INTO {_TABLE} ({_NAMES}) VALUES ({marks})", rows)  # noqa: S608


def _columns(batch: AlleleBatch, sequences: Keys, spans: Keys) -> Iterator[list[Any]]:
    """The values of COLUMNS, each for all rows."""
    contigs, starts, ends, literals, sizes, lengths, subunits = batch.columns.T.tolist()
    keys = sequences.tolist()
    yield batch.digests.view(f"V{DIGEST_BYTES}").ravel().tolist()
    yield [keys[contig] for contig in contigs]
    yield starts
    yield ends
    yield spans.tolist()
    yield [None if size >= 0 else length for size, length in zip(sizes, lengths, strict=True)]
    yield [None if size >= 0 else subunit for size, subunit in zip(sizes, subunits, strict=True)]
    text = batch.residues.decode()  # ASCII
    yield [None if size < 0 else text[at : at + size] for at, size in zip(literals, sizes, strict=True)]


class Loader:
    """Loads beside the engine: a thread writes batches of alleles while the next are annotated.

    A context for one attempt of a run or shard, whose batches are numbered from `first_batch`. Leaving it
    waits until everything is registered; an error of the thread is raised by a later `take`, or at the end.
    """

    def __init__(self, run: Run, first_batch: int = 0) -> None:
        self._run = run
        self._batches: list[AlleleBatch] = []
        self._ordinal = first_batch
        self._context = copy_context()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"registry-{run.pk}")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                if self._batches:
                    self._end_batch()
                self._wait(most=0)
        finally:
            for batch in self._pending:
                batch.cancel()
            self._thread.submit(lambda: connection.close())  # its own, which only it can look up
            self._thread.shutdown()

    def take(self, alleles: Collection[AlleleRow]) -> None:
        """The next alleles of the file, in its order: the same file gives the same batches."""
        if not alleles:
            return
        self._batches.append(_batch(alleles))
        residues = sum(len(batch.residues) for batch in self._batches)
        if sum(map(len, self._batches)) >= BATCH or residues >= BATCH_BYTES:
            self._end_batch()
            self._wait(most=PENDING_BATCHES)

    def _end_batch(self) -> None:
        batch = AlleleBatch.joined(self._batches)
        self._pending.append(self._thread.submit(self._context.run, self._register, self._ordinal, batch))
        self._ordinal += 1
        self._batches = []

    def _wait(self, most: int) -> None:
        while len(self._pending) > most:
            self._pending.popleft().result()

    def _register(self, ordinal: int, batch: AlleleBatch) -> None:
        batch = batch.by_digest()
        _write(batch)
        if settings.ANYVAR_PROVENANCE:
            record_batch(self._run, ordinal, batch.digests.tobytes())
