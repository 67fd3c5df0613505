"""Annotated VCFs and their rows, for the tests of the table."""

from __future__ import annotations

from tests.vrs.small_vcf import HEADER, record, reference, run
from vcfjobs.vrs.columns.formats import encoded, encoder
from vcfjobs.vrs.columns.rows import NAMES, RowReader
from vcfjobs.vrs.vcf.options import Options

WITH_ATTRIBUTES = Options(add_vrs_attributes=True)
# An SNV, an insertion into a run, a deletion, ALTs without and with an identifier, a wrong REF.
RECORDS = (
    record("A", "C", 1),
    record("T", "TAAA", 14),
    record("CAG", "C", 25),
    record("C", "<DEL>,*,G", 2),
    record("G", ".", 3),
    record("A", "C", 2),
)
VCF = HEADER + b"".join(RECORDS)


def annotated(content: bytes = VCF, options: Options = WITH_ATTRIBUTES) -> bytes:
    """The file with VRS fields, on the reference of the small VCFs."""
    return run(content, reference(), options)[0]


def rows_of(text: bytes) -> list[dict[str, str]]:
    """The rows of an annotated VCF, by column."""
    return [dict(zip(NAMES, row, strict=True)) for batch in RowReader().batches(text) for row in batch]


def table(name: str, text: bytes) -> bytes:
    """An annotated VCF as a file of that format."""
    return b"".join(encoded([text], encoder(name)))
