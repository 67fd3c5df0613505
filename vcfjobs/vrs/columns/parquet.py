"""Parquet, by pyarrow: typed columns, compressed by zstd, in row groups of 100,000 rows."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import parquet

from vcfjobs.vrs.columns.rows import NAMES, NUMBERS, Row

GROUP_ROWS = 100_000
# A row group is complete before that where alleles are long.
GROUP_BYTES = 64 << 20
COMPRESSION = "zstd"

SCHEMA = pa.schema(
    [
        pa.field(name, pa.int64() if name in NUMBERS else pa.string(), nullable=name not in ("chrom", "pos"))
        for name in NAMES
    ]
)
# Differences of neighbours are small where records are sorted; all other columns repeat their values,
# except the identifiers.
_DELTAS = ("pos", "start", "end")
_UNIQUE = ("vrs_id",)


class _Sink:
    """Keeps what is written until it is taken; pyarrow never seeks in what it writes."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


class ParquetEncoder:
    """Rows as the bytes of a Parquet file, of which a part comes out with each row group."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"),
            SCHEMA,
            compression=COMPRESSION,
            use_dictionary=[name for name in NAMES if name not in _DELTAS + _UNIQUE],
            column_encoding=dict.fromkeys(_DELTAS, "DELTA_BINARY_PACKED"),
        )
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0

    def begin(self) -> bytes:
        return self._sink.take()

    def encode(self, rows: list[Row]) -> bytes:
        if rows:
            self._add(_record_batch(rows))
        while self._pending_rows >= GROUP_ROWS or self._pending_bytes >= GROUP_BYTES:
            self._write_group()
        return self._sink.take()

    def end(self) -> bytes:
        if self._pending:
            self._write_group()
        self._writer.close()
        return self._sink.take()

    def _add(self, batch: pa.RecordBatch) -> None:
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes

    def _write_group(self) -> None:
        table = pa.Table.from_batches(self._pending, SCHEMA)
        self._writer.write_table(table.slice(0, GROUP_ROWS), GROUP_ROWS)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        for batch in table.slice(GROUP_ROWS).to_batches():
            self._add(batch)


def _record_batch(rows: list[Row]) -> pa.RecordBatch:
    columns = [
        pa.array([value or None for value in column], pa.string()) for column in zip(*rows, strict=True)
    ]
    typed = [column.cast(field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(typed, schema=SCHEMA)
