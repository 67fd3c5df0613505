"""Rows of the allele table in the binary format of PostgreSQL's COPY, made from columns without a loop.

The format (PostgreSQL, COPY, "Binary Format"): a header; for each row the number of its fields, and for each
field the number of its bytes (-1: NULL) and its value; a trailer. Integers are big-endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcfjobs.vrs.vcf.batch import CONTIG, END, LENGTH, LITERAL, LITERAL_SIZE, START, SUBUNIT, AlleleBatch

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
NULL = -1
# A longer literal is copied as it is: the index of its bases would take eight times its size.
LONG_LITERAL = 1000


Keys = NDArray[np.int64]


def binary_rows(batch: AlleleBatch, sequences: Keys, spans: Keys) -> Iterator[bytes]:
    """The pieces of a COPY of these columns: rows of one layout, by the size of their literals, at a time.

    The columns are digest, sequence (bigint), start, end, span (smallint), length, repeat subunit length,
    literal. `sequences` are the keys of the batch's accessions; `spans` the classes of its alleles' spans.
    """
    yield HEADER
    sizes = batch.columns[:, LITERAL_SIZE]
    residues = np.frombuffer(batch.residues, np.uint8)
    for size in np.unique(sizes).tolist():  # rows of one layout at a time
        chosen = sizes == size
        columns = batch.columns[chosen]
        fields: list[NDArray[Any] | int] = [
            batch.digests[chosen].view("S24").ravel(),
            sequences[columns[:, CONTIG]].astype(">i8"),
            columns[:, START].astype(">i4"),
            columns[:, END].astype(">i4"),
            spans[chosen].astype(">i2"),
        ]
        if size < 0:
            fields += [columns[:, LENGTH].astype(">i4"), columns[:, SUBUNIT].astype(">i4"), NULL]
        elif size == 0:
            fields += [NULL, NULL, 0]
        elif size > LONG_LITERAL:
            whole = [residues[at : at + size] for at in columns[:, LITERAL].tolist()]
            fields += [NULL, NULL, np.array(whole).view(f"S{size}").ravel()]
        else:
            places = columns[:, LITERAL, None] + np.arange(size)
            fields += [NULL, NULL, residues[places].view(f"S{size}").ravel()]
        yield _packed(fields, len(columns))
    yield TRAILER


def _packed(fields: list[NDArray[Any] | int], count: int) -> bytes:
    """The bytes of `count` rows; a number in place of a field is its bytes alone: NULL, or none."""
    layout: list[tuple[str, Any]] = [("count", ">i2")]
    for number, field in enumerate(fields):
        layout.append((f"bytes of {number}", ">i4"))
        if not isinstance(field, int):
            layout.append((f"value of {number}", field.dtype))
    rows = np.empty(count, layout)
    rows["count"] = len(fields)
    for number, field in enumerate(fields):
        if isinstance(field, int):
            rows[f"bytes of {number}"] = field
        else:
            rows[f"bytes of {number}"] = field.dtype.itemsize
            rows[f"value of {number}"] = field
    return rows.tobytes()
