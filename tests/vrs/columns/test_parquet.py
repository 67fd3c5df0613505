"""Parquet: DuckDB and Polars read what the TSV says, typed; memory stays bounded."""

from __future__ import annotations

import io
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow
import pytest
from pyarrow import parquet

from tests.vrs.columns.tables import annotated, rows_of, table
from tests.vrs.small_vcf import HEADER, record
from vcfjobs.errors import ParquetUnavailableError
from vcfjobs.vrs.columns import parquet as ours
from vcfjobs.vrs.columns.formats import available, encoder
from vcfjobs.vrs.columns.rows import NAMES, NUMBERS, Row, RowReader

TYPES = {name: int if name in NUMBERS else str for name in NAMES}


def typed(text: bytes) -> list[tuple[Any, ...]]:
    """The rows of an annotated VCF as a database holds them."""
    return [
        tuple(TYPES[name](value) if value else None for name, value in row.items()) for row in rows_of(text)
    ]


def some_row(ref: str = "A") -> Row:
    return ("chr1", "1", "", ref, ref, "0", "ga4gh:VA.x", "0", "1", "", "1", "1", "")


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """The same table in each format."""
    paths = {name: tmp_path / f"table.{name}" for name in ("tsv", "ndjson", "parquet")}
    for name, path in paths.items():
        path.write_bytes(table(name, annotated()))
    return paths


def test_duckdb_reads_the_rows_and_their_types(paths: dict[str, Path]) -> None:
    found = duckdb.read_parquet(str(paths["parquet"]))
    assert found.columns == list(NAMES)
    assert [str(kind) for kind in found.types] == [
        "BIGINT" if name in NUMBERS else "VARCHAR" for name in NAMES
    ]
    assert found.fetchall() == typed(annotated())


def test_polars_reads_the_rows_and_their_types(paths: dict[str, Path]) -> None:
    found = polars.read_parquet(paths["parquet"])
    assert dict(found.schema) == {
        name: polars.Int64() if name in NUMBERS else polars.String() for name in NAMES
    }
    assert found.rows() == typed(annotated())


def test_duckdb_and_polars_find_the_same_in_all_three_files(paths: dict[str, Path]) -> None:
    types = {name: "BIGINT" if name in NUMBERS else "VARCHAR" for name in NAMES}
    of_duckdb = [
        duckdb.read_parquet(str(paths["parquet"])),
        duckdb.read_csv(str(paths["tsv"]), sep="\t", dtype=types),
        duckdb.read_json(str(paths["ndjson"]), format="newline_delimited", columns=types),
    ]
    assert of_duckdb[0].fetchall() == of_duckdb[1].fetchall() == of_duckdb[2].fetchall()
    schema = {name: polars.Int64 if name in NUMBERS else polars.String for name in NAMES}
    of_polars = [
        polars.read_parquet(paths["parquet"]),
        polars.read_csv(paths["tsv"], separator="\t", schema=schema),
        polars.read_ndjson(paths["ndjson"], schema=schema),
    ]
    assert of_polars[0].rows() == of_polars[1].rows() == of_polars[2].rows() == typed(annotated())


def test_columns_are_compressed_by_zstd_and_those_that_repeat_have_a_dictionary() -> None:
    group = parquet.read_metadata(io.BytesIO(table("parquet", annotated()))).row_group(0)
    columns = {name: group.column(number) for number, name in enumerate(NAMES)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert {name for name, column in columns.items() if column.has_dictionary_page} == {
        "chrom", "id", "ref", "alt", "allele_index", "state", "length", "subunit", "error",
    }  # fmt: skip


def test_a_row_group_has_100_000_rows() -> None:
    into = encoder("parquet")
    data = [into.begin(), *(into.encode([some_row()] * 30_000) for _ in range(8)), into.end()]
    found = parquet.read_metadata(io.BytesIO(b"".join(data)))
    groups = [found.row_group(number).num_rows for number in range(found.num_row_groups)]
    assert groups == [100_000, 100_000, 40_000]


def test_long_alleles_complete_a_row_group_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "GROUP_BYTES", 1_000_000)
    into = encoder("parquet")
    data = [into.begin(), *(into.encode([some_row("A" * 100_000)] * 6) for _ in range(3)), into.end()]
    assert parquet.read_metadata(io.BytesIO(b"".join(data))).num_row_groups == 3


def test_bytes_come_out_with_each_row_group() -> None:
    into = encoder("parquet")
    assert into.begin() == b"PAR1"
    assert into.encode([some_row()] * 50_000) == b""
    assert into.encode([some_row()] * 50_000) != b""
    assert into.end().endswith(b"PAR1")


def test_a_file_without_records_is_a_table_without_rows() -> None:
    found = parquet.read_table(io.BytesIO(table("parquet", annotated(HEADER))))
    assert (found.num_rows, found.column_names) == (0, list(NAMES))


@pytest.mark.parametrize("name", ["tsv", "ndjson", "parquet"])
def test_memory_does_not_grow_with_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "GROUP_ROWS", 2_000)
    lines = annotated(HEADER + record("A", "C", 1) * 500).splitlines(keepends=True)
    chunk = b"".join(line for line in lines if not line.startswith(b"#"))

    def most_held(chunks: int) -> int:
        """Bytes that Python and Arrow hold at most."""
        into, reader = encoder(name), RowReader()
        before, arrow = pyarrow.total_allocated_bytes(), 0
        tracemalloc.start()
        for _ in range(chunks):
            for batch in reader.batches(chunk):
                into.encode(batch)
            arrow = max(arrow, pyarrow.total_allocated_bytes() - before)
        python = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return python + arrow

    few = most_held(4)
    assert most_held(40) < 2 * few


def test_without_pyarrow_there_is_a_sentence_and_the_other_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vcfjobs.vrs.columns.parquet", None)
    with pytest.raises(ParquetUnavailableError, match=r"pip install '\.\[parquet\]'"):
        encoder("parquet")
    monkeypatch.setattr("vcfjobs.vrs.columns.formats.find_spec", lambda _: None)
    assert [one.name for one in available()] == ["tsv", "ndjson"]
