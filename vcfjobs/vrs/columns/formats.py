"""The formats of the table, by name, and the table as a stream of bytes in one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from vcfjobs.errors import ParquetUnavailableError
from vcfjobs.vrs.columns.ndjson import NdjsonEncoder
from vcfjobs.vrs.columns.rows import Row, RowReader
from vcfjobs.vrs.columns.tsv import TsvEncoder


class Encoder(Protocol):
    """Rows in, the bytes of one file out, in order: `begin`, `encode` for each batch, `end`.

    Each call returns what is complete, perhaps nothing.
    """

    def begin(self) -> bytes:
        """What precedes the first row."""

    def encode(self, rows: list[Row]) -> bytes:
        """The next rows."""

    def end(self) -> bytes:
        """What follows the last row."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, which is also the ending of a file's name, and its media type."""

    name: str
    label: str
    content_type: str


FORMATS = {
    one.name: one
    for one in (
        Format("tsv", "TSV", "text/tab-separated-values; charset=utf-8"),
        Format("ndjson", "NDJSON", "application/x-ndjson"),
        Format("parquet", "Parquet", "application/vnd.apache.parquet"),
    )
}


def available() -> list[Format]:
    """The formats that can be written here: Parquet needs pyarrow."""
    return [one for one in FORMATS.values() if one.name != "parquet" or find_spec("pyarrow")]


def encoder(name: str) -> Encoder:
    """A new encoder of that format. Raises ParquetUnavailableError without pyarrow."""
    if name == "tsv":
        return TsvEncoder()
    if name == "ndjson":
        return NdjsonEncoder()
    try:
        # Here, because it is optional and takes a while to load.
        from vcfjobs.vrs.columns.parquet import ParquetEncoder
    except ImportError as error:
        raise ParquetUnavailableError from error
    return ParquetEncoder()


def encoded(chunks: Iterable[bytes], into: Encoder) -> Iterator[bytes]:
    """The table of one annotated VCF, whose text comes in chunks of whole lines, in pieces."""
    reader = RowReader()
    yield into.begin()
    for chunk in chunks:
        for batch in reader.batches(chunk):
            yield into.encode(batch)
    yield into.end()
