"""Load alleles in bulk, as fast as the engine delivers them.

All loads write their alleles in one order: two loads of the same alleles then wait for each other in the same
order and cannot deadlock. An allele is written once and never changes, so a load that is repeated changes
nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Self

import numpy as np
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from numpy.typing import NDArray

from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Allele, Run, Sequence
from vcfjobs.registry.binary_copy import Keys, binary_rows
from vcfjobs.registry.provenance import record_batch
from vcfjobs.vrs.digests import DIGEST_BYTES
from vcfjobs.vrs.vcf.alleles import AlleleRow
from vcfjobs.vrs.vcf.batch import END, LITERAL_SIZE, START, AlleleBatch

BATCH = 100_000
# A literal may be as long as a line of the file, so their bytes end a batch too.
BATCH_BYTES = 8 << 20
# Threads that write, each over its own connection; SQLite has one writer.
WRITERS = {"postgresql": 2, "sqlite": 1}
# Batches in memory, those being written included, before the engine waits.
PENDING_BATCHES = 3
# SQLite's heartbeats get in between transactions: each takes well under a second.
INSERTED = 10_000
# Alleles that PostgreSQL inserts without COPY, and those of a batch that are looked up first.
FEW = 100

# The columns of the table in the order of a row.
COLUMNS = ("digest", "sequence_id", "start", '"end"', "span", "length", "repeat_subunit_length", "literal")
_TABLE = Allele._meta.db_table
_NAMES = ", ".join(COLUMNS)
_MARKS = ", ".join(["%s"] * len(COLUMNS))
_INSERT = f"INSERT INTO {_TABLE} ({_NAMES}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608
_KNOWN = (
    "SELECT COALESCE(string_agg(int4send(i), ''), '') FROM generate_series(0, %s - 1) AS i WHERE "  # noqa: S608
    f"(SELECT true FROM {_TABLE} WHERE digest = substring(%s FROM i * {DIGEST_BYTES} + 1 FOR {DIGEST_BYTES}))"
)


def load(alleles: Collection[AlleleRow]) -> None:
    """Register alleles; known ones stay as they are. Tries again after a deadlock or a locked database."""
    _write(_batch(alleles).by_digest())


def _batch(alleles: Collection[AlleleRow]) -> AlleleBatch:
    return alleles if isinstance(alleles, AlleleBatch) else AlleleBatch.from_rows(alleles)


def _write(batch: AlleleBatch) -> None:
    """Write alleles that are sorted by digest."""
    key_of = retry_on_outage(Sequence.objects.values_list("pk", flat=True).get)
    sequences = np.array([key_of(accession=name) for name in batch.accessions], np.int64)
    if connection.vendor == "postgresql":
        batch = batch[np.argsort(batch.columns[:, LITERAL_SIZE], kind="stable")]  # as COPY does
        if len(batch) > FEW:
            for sample in (batch[:: len(batch) // FEW], batch):
                with suppress(IntegrityError):  # an allele outside the sample, or registered meanwhile
                    return _copy(batch, sample, sequences)
    for begin in range(0, len(batch), INSERTED):
        _insert(batch[begin : begin + INSERTED], sequences)
    return None


@retry_on_outage
def _copy(batch: AlleleBatch, sample: AlleleBatch, sequences: Keys) -> None:
    """COPY the alleles, which fails at a known one: if one of the sample is known, leave out all that are."""
    # psycopg's own errors in a COPY become Django's, as `retry_on_outage` expects them.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        if len(_known(cursor, sample)):
            batch = batch[np.setdiff1d(np.arange(len(batch)), _known(cursor, batch))]
        with cursor.copy(f"COPY {_TABLE} ({_NAMES}) FROM STDIN WITH (FORMAT BINARY)") as copy:
            for piece in binary_rows(batch, sequences, _spans(batch)):
                copy.write(piece)


def _known(cursor: Any, batch: AlleleBatch) -> NDArray[Any]:
    """The indices in the batch of the alleles that are registered."""
    cursor.execute(_KNOWN, [len(batch), batch.digests.tobytes()])
    return np.frombuffer(cursor.fetchone()[0], ">i4")


@retry_on_outage
def _insert(batch: AlleleBatch, sequences: Keys) -> None:
    rows = list(zip(*_columns(batch, sequences), strict=True))  # put together in C
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # Digests are spread all over their index, so cache more of it than the default 2 MB.
            cursor.execute("PRAGMA cache_size = -131072")
        cursor.executemany(_INSERT, rows)


def _spans(batch: AlleleBatch) -> NDArray[np.int64]:
    return np.searchsorted(Allele.LONGEST_OF_SPAN, batch.columns[:, END] - batch.columns[:, START])


def _columns(batch: AlleleBatch, sequences: Keys) -> Iterator[list[Any]]:
    """The values of COLUMNS, each for all rows."""
    contigs, starts, ends, literals, sizes, lengths, subunits = batch.columns.T.tolist()
    keys = sequences.tolist()
    yield batch.digests.view(f"V{DIGEST_BYTES}").ravel().tolist()
    yield [keys[contig] for contig in contigs]
    yield starts
    yield ends
    yield _spans(batch).tolist()
    yield [None if size >= 0 else length for size, length in zip(sizes, lengths, strict=True)]
    yield [None if size >= 0 else subunit for size, subunit in zip(sizes, subunits, strict=True)]
    text = batch.residues.decode()  # ASCII
    yield [None if size < 0 else text[at : at + size] for at, size in zip(literals, sizes, strict=True)]


class Loader:
    """Loads beside the engine: threads write batches of alleles while the next are annotated.

    A context for one attempt of a run or shard, whose batches are numbered from `first_batch`. Leaving it
    waits until everything is registered; an error of a thread is raised by a later `take`, or at the end.
    """

    def __init__(self, run: Run, first_batch: int = 0) -> None:
        self._run = run
        self._batches: list[AlleleBatch] = []
        self._ordinal = first_batch
        self._threads = [
            ThreadPoolExecutor(1, f"registry-{run.pk}") for _ in range(WRITERS[connection.vendor])
        ]
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
            for thread in self._threads:
                thread.submit(lambda: connection.close())  # its own, which only it can look up
                thread.shutdown()

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
        thread = self._threads[self._ordinal % len(self._threads)]
        self._pending.append(thread.submit(copy_context().run, self._register, self._ordinal, batch))
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
