"""TSV and NDJSON: every value comes back, whatever it holds."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vrs.columns.tables import annotated, rows_of, table
from tests.vrs.small_vcf import HEADER
from vcfjobs.vrs.columns.formats import encoder
from vcfjobs.vrs.columns.rows import NAMES, NUMBERS, Row

numbers = st.integers(0, 2**40).map(str)
anything = st.text(st.characters(codec="utf-8"), max_size=12) | st.just("")
table_rows = st.lists(st.tuples(*[numbers if name in NUMBERS else anything for name in NAMES]), max_size=5)


def read_tsv(data: bytes) -> list[dict[str, str]]:
    """A TSV by the standard library."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), delimiter="\t", strict=True))


def read_ndjson(data: bytes) -> list[dict[str, Any]]:
    """An object for each line."""
    return [json.loads(line) for line in data.decode().split("\n")[:-1]]


def encoded_rows(name: str, rows: list[Row]) -> bytes:
    """A file of that format with these rows."""
    into = encoder(name)
    return into.begin() + into.encode(rows) + into.end()


def test_a_tsv_has_a_header_line_and_a_line_for_each_row() -> None:
    lines = table("tsv", annotated()).decode().splitlines()
    assert lines[0].split("\t") == list(NAMES)
    assert [line.split("\t") for line in lines[1:]] == [list(row.values()) for row in rows_of(annotated())]


@given(table_rows)
def test_whatever_a_value_holds_a_reader_of_quoted_tsv_gets_it(rows: list[Row]) -> None:
    assert [tuple(row.values()) for row in read_tsv(encoded_rows("tsv", rows))] == rows


@pytest.mark.parametrize(
    ("value", "written"),
    [("a b", "a b"), ("a\tb", '"a\tb"'), ("a\nb", '"a\nb"'), ('a"b', '"a""b"'), ("", "")],
)
def test_only_a_value_that_needs_it_is_quoted(value: str, written: str) -> None:
    row = ("",) * (len(NAMES) - 1)
    lines = encoded_rows("tsv", [(*row, value), (*row, "next")]).decode()
    assert lines.endswith("\t" * 12 + written + "\n" + "\t" * 12 + "next\n")


@given(table_rows)
def test_an_ndjson_object_has_every_column_typed_and_null_for_missing(rows: list[Row]) -> None:
    found = read_ndjson(encoded_rows("ndjson", rows))
    assert [list(row) for row in found] == [list(NAMES)] * len(rows)
    for row, given_row in zip(found, rows, strict=True):
        for name, value in zip(NAMES, given_row, strict=True):
            assert row[name] == (None if not value else int(value) if name in NUMBERS else value)


def test_ndjson_says_what_the_tsv_says() -> None:
    text = annotated()
    for row, same in zip(read_ndjson(table("ndjson", text)), read_tsv(table("tsv", text)), strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == same


def test_a_missing_number_is_null() -> None:
    row = read_ndjson(table("ndjson", annotated()))[1]
    assert (row["start"], row["length"], row["subunit"]) == (0, None, None)


def test_a_file_without_records_is_a_table_without_rows() -> None:
    assert table("tsv", annotated(HEADER)).decode() == "\t".join(NAMES) + "\n"
    assert table("ndjson", annotated(HEADER)) == b""
