"""The pure engine: a chunk of whole VCF lines in, the same lines with VRS fields and their alleles out.

It defines what the compiled kernel must give, and does what that leaves aside. All locations of a chunk are
digested together, then all alleles: a record's REF and ALT mostly share their location.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from vcfjobs.errors import MalformedRecordError
from vcfjobs.vrs.sequences.contigs import Contigs
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.alleles import AlleleRow, ChunkAlleles
from vcfjobs.vrs.vcf.header import COLUMNS
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report

LARGEST_POSITION = 1 << 40
DIGITS = 20  # of POS; Python refuses to read numbers of thousands
MOST_ALTS = 10_000


class Annotated(NamedTuple):
    """One chunk's outcome."""

    data: bytes
    alleles: Collection[AlleleRow]
    report: Report


class RecordAnnotator:
    """Annotates the chunks of one file."""

    def __init__(self, reference: Reference, options: Options) -> None:
        self.assembly = reference.assembly
        self.contigs = Contigs(reference)
        self.options = options

    def annotate(self, chunk: bytes, first_line: int) -> Annotated:
        """Annotate whole lines, of which the first is the file's line `first_line` (from 1).

        Raises MalformedRecordError naming the line of what is no record.
        """
        lines = chunk.split(b"\n")
        report = Report()
        alleles = ChunkAlleles(self.assembly, report, self.options)
        places: list[tuple[bytes, int]] = []
        for number, line in enumerate(lines):
            if not line.strip(b"\r"):
                continue
            fields = line.split(b"\t", COLUMNS)
            if not _is_record(fields):
                raise malformed(first_line + number)
            if fields[4].count(b",") >= MOST_ALTS:
                raise too_many_alts(first_line + number)
            start = int(fields[1]) - 1
            alleles.place(number, fields, start, self.contigs.get(fields[0]))
            places.append((fields[0], start))
        self._count(places, report)
        rows = alleles.write(lines)
        return Annotated(b"\n".join(lines), rows, report)

    def _count(self, places: list[tuple[bytes, int]], report: Report) -> None:
        """Count the records, those of one contig that stand together at once."""
        for name, stretch in groupby(places, itemgetter(0)):
            text = name.decode("utf-8", "replace")
            starts = [start for _, start in stretch]
            report.records += len(starts)
            report.count_positions(text, starts)
            if self.contigs.get(name) is None:
                report.count_unknown(text, len(starts))
            else:
                report.resolved += len(starts)


def _is_record(fields: list[bytes]) -> bool:
    """Whether the first columns are those of a record: CHROM can be shown, POS is a number."""
    if len(fields) < COLUMNS or not fields[0].decode("utf-8", "replace").isprintable():
        return False
    digits = fields[1].lstrip(b"0")
    return fields[1].isdigit() and len(digits) < DIGITS and int(digits or b"0") <= LARGEST_POSITION


def malformed(line: int) -> MalformedRecordError:
    """The error for what is no record in that line of the file."""
    return MalformedRecordError(
        f"Line {line} is not a VCF record: it needs {COLUMNS} columns separated by tabs, and POS must be a "
        "whole number."
    )


def too_many_alts(line: int) -> MalformedRecordError:
    """The error for a record in that line of the file."""
    return MalformedRecordError(f"Line {line} has more than {MOST_ALTS:,} ALT alleles.")
