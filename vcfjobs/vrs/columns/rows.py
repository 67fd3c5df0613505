"""The table of an annotated VCF: a row for each allele of each record, REF first, then the ALTs in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from urllib.parse import unquote

from vcfjobs.vrs.vcf import header
from vcfjobs.vrs.vcf.records import MOST_ALTS

# A row holds text alone; "" is a missing value. `pos` is 1-based, as in the file; `start` and `end` are
# inter-residue. `alt` is the row's allele, so in the row of REF, whose `allele_index` is 0, it equals `ref`.
Row = tuple[str, ...]
NAMES = (
    "chrom",
    "pos",
    "id",
    "ref",
    "alt",
    "allele_index",
    "vrs_id",
    "start",
    "end",
    "state",
    "length",
    "subunit",
    "error",
)
NUMBERS = frozenset({"pos", "allele_index", "start", "end", "length", "subunit"})
BATCH_BYTES = 1 << 18

MISSING = "."
_NOTHING = repeat("")
_ROW_BYTES = 100  # about what a row has besides the columns that are counted: its identifier and numbers
_INDEXES = [str(index) for index in range(MOST_ALTS + 1)]
# INFO's fields in the order of the columns from vrs_id to subunit.
_FIELDS = (
    "VRS_Allele_IDs",
    "VRS_Starts",
    "VRS_Ends",
    "VRS_States",
    "VRS_Lengths",
    "VRS_RepeatSubunitLengths",
)


class RowReader:
    """Takes the text of one annotated VCF in chunks of whole lines, from its first line on."""

    def __init__(self) -> None:
        self._in_header = True
        self._for_ref = True

    def batches(self, chunk: bytes) -> Iterator[list[Row]]:
        """The rows of the chunk, in batches of about BATCH_BYTES; a batch may be empty.

        A record of many ALTs repeats its REF in each row, so it is divided where that is long.
        """
        lines = iter(chunk.decode("utf-8", "replace").split("\n"))
        batch: list[Row] = []
        size = 0
        for line in self._after_header(lines) if self._in_header else lines:
            fields = line.split("\t", header.COLUMNS)
            if len(fields) < header.COLUMNS:  # an empty line
                continue
            rows, count, width = self._record(fields)
            size += count * width
            if size <= BATCH_BYTES:
                batch += rows
                continue
            yield batch
            if count * width > BATCH_BYTES:
                yield from _divided(rows, BATCH_BYTES // width + 1)
                batch, size = [], 0
            else:
                batch, size = list(rows), count * width
        yield batch

    def _after_header(self, lines: Iterator[str]) -> Iterator[str]:
        """The lines after the header, which says whether REF alleles have identifiers."""
        for line in lines:
            if line and not line.startswith("#"):
                self._in_header = False
                return chain([line], lines)
            if line.startswith("##INFO=<") and "ID=VRS_Allele_IDs," in line:
                self._for_ref = "Number=A," not in line
        return iter(())

    def _record(self, fields: list[str]) -> tuple[Iterator[Row], int, int]:
        """The rows of a record, their number, and about how many bytes each repeats."""
        chrom, pos, name, ref, alts, _, _, info = fields[: header.COLUMNS]
        alleles = [ref] if alts == MISSING else [ref, *alts.split(",")]
        entries = _vrs_entries(info)
        error = unquote(entries["VRS_Error"]) if "VRS_Error" in entries else ""
        rows = zip(
            repeat(chrom),
            repeat(str(int(pos)) if pos.startswith("0") else pos),
            repeat("" if name == MISSING else name),
            repeat(ref),
            alleles,
            _INDEXES,
            *[self._of_alleles(entries.get(name), len(alleles)) for name in _FIELDS],
            repeat(error),
            strict=False,
        )
        width = len(chrom) + len(name) + len(ref) + len(error) + _ROW_BYTES
        return rows, len(alleles), width

    def _of_alleles(self, text: str | None, count: int) -> Iterable[str]:
        """The elements of a field, one for each allele."""
        if text is None:
            return _NOTHING
        values = text.split(",")
        if MISSING in values:
            values = ["" if value == MISSING else value for value in values]
        if not self._for_ref:
            values.insert(0, "")
        return values if len(values) >= count else chain(values, _NOTHING)


def _vrs_entries(info: str) -> dict[str, str]:
    """INFO's entries by name, from the first on that may be a VRS field."""
    found = info.find("VRS_")
    if found < 0:
        return {}
    begin = info.rfind(";", 0, found) + 1
    entries = info[begin:].removesuffix("\r").split(";")
    return dict([entry.split("=", 1) for entry in entries if "=" in entry])


def _divided(rows: Iterator[Row], most: int) -> Iterator[list[Row]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == most:
            yield batch
            batch = []
    yield batch
