"""The hot path: a chunk of whole VCF lines in, the same lines with VRS fields and their alleles out.

Each chunk takes a few passes of tight loops: place every allele; digest all locations; digest all alleles;
write the lines. A digest costs more than anything else, and a record's REF and ALT mostly share their
location, so that is digested once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from vcfjobs.errors import MalformedRecordError
from vcfjobs.vrs import versions
from vcfjobs.vrs.normalize import Bases
from vcfjobs.vrs.sequences.contigs import Contig, Contigs
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.general import AnyRecords
from vcfjobs.vrs.vcf.header import COLUMNS
from vcfjobs.vrs.vcf.info import appended, replaced
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.vcf.substitutions import BASES, AlleleRow, OneBaseRecords
from vcfjobs.vrs.versions import VrsVersion

LARGEST_POSITION = 1 << 40
MOST_ALTS = 10_000


class Annotated(NamedTuple):
    """One chunk's outcome.

    A row of `alleles`: digest (24 bytes), accession, start, end, literal sequence, length, repeat subunit
    length.
    """

    data: bytes
    alleles: Collection[AlleleRow]
    report: Report


class RecordAnnotator:
    """Annotates the chunks of one file."""

    def __init__(
        self,
        reference: Reference,
        *,
        for_ref: bool,
        add_vrs_attributes: bool,
        collect_alleles: bool,
        vrs_version: VrsVersion = versions.DEFAULT,
    ) -> None:
        self.assembly = reference.assembly
        self.contigs = Contigs(reference)
        self.for_ref = for_ref
        self.add_vrs_attributes = add_vrs_attributes
        self.collect_alleles = collect_alleles
        self.vrs_version = vrs_version

    def annotate(self, chunk: bytes, first_line: int) -> Annotated:
        """Annotate whole lines, of which the first is the file's line `first_line` (from 1).

        Raises MalformedRecordError naming the line of what is no record.
        """
        return _Chunk(self, chunk, first_line).annotate()


class _Chunk:
    """One chunk on its way through the passes."""

    def __init__(self, annotator: RecordAnnotator, chunk: bytes, first_line: int) -> None:
        self._annotator = annotator
        self._first_line = first_line
        self._lines = chunk.split(b"\n")
        self._report = Report()
        self._ones = OneBaseRecords()
        self._others = AnyRecords(
            annotator.assembly,
            self._report,
            for_ref=annotator.for_ref,
            collect=annotator.collect_alleles,
            vrs_version=annotator.vrs_version,
        )
        # Only where there are older fields or carriage returns is INFO looked into.
        self._plain = b"VRS_" not in chunk and b"\r" not in chunk

    def annotate(self) -> Annotated:
        """Place, digest, write."""
        annotator = self._annotator
        self._place()
        one_base = self._ones.write(
            self._lines,
            None if self._plain else replaced,
            for_ref=annotator.for_ref,
            attributes=annotator.add_vrs_attributes,
            collect=annotator.collect_alleles,
        )
        other = self._others.write(
            self._lines, appended if self._plain else replaced, attributes=annotator.add_vrs_attributes
        )
        self._count()
        return Annotated(b"\n".join(self._lines), one_base + other, self._report)

    def _place(self) -> None:
        """Tell the records that change one base from all others, which are placed one by one."""
        ones, others, contigs = self._ones, self._others, self._annotator.contigs
        add_line, add_fields, add_start = ones.lines.append, ones.fields.append, ones.starts.append
        add_location, add_accession = ones.locations.append, ones.accessions.append
        name: bytes | None = None
        contig: Contig | None = None
        bases: Bases = b""
        accession, template, size = "", b"", 0
        positions: list[bytes] = []
        starts: list[int] = []
        for number, line in enumerate(self._lines):
            fields = line.split(b"\t", COLUMNS)
            try:
                start = int(fields[1]) - 1
                alt, _ = fields[4], fields[7]
            except (ValueError, IndexError):
                if line.strip(b"\r"):
                    raise self._malformed(number) from None
                continue
            if fields[0] != name:
                self._end_run(name, starts, contig)
                starts = []
                name = fields[0]
                if not name.decode("utf-8", "replace").isprintable():
                    raise self._malformed(number)
                contig = contigs.get(name)
                accession, bases, size, template = contig[:4] if contig else ("", b"", 0, b"")
            starts.append(start)
            positions.append(fields[1])
            ref = fields[3]
            if alt in BASES and ref in BASES and 0 <= start < size and bases[start : start + 1] == ref != alt:
                add_line(number)
                add_fields(fields)
                add_start(start)
                add_location(template % (start + 1, start))
                add_accession(accession)
            elif alt.count(b",") >= MOST_ALTS:
                raise too_many_alts(self._first_line + number)
            elif -1 <= start < LARGEST_POSITION:
                others.place(number, fields, start, contig)
            else:
                raise self._malformed(number)
        self._end_run(name, starts, contig)
        self._check(positions)

    def _end_run(self, name: bytes | None, starts: list[int], contig: Contig | None) -> None:
        """Count the records of one contig that stand together."""
        if name is None or not starts:
            return
        text = name.decode("utf-8", "replace")
        self._report.records += len(starts)
        self._report.count_positions(text, starts)
        if contig is None:
            self._report.count_unknown(text, len(starts))
        else:
            self._report.resolved += len(starts)

    def _check(self, positions: list[bytes]) -> None:
        """int() takes more than digits (blanks, signs, underscores); such a POS is malformed."""
        if not positions or b"".join(positions).isdigit():
            return
        for number, line in enumerate(self._lines):
            if line.strip(b"\r") and not line.split(b"\t", 2)[1].isdigit():
                raise self._malformed(number)

    def _count(self) -> None:
        if count := len(self._ones.lines):
            self._report.alleles["snv"] += count
            if self._annotator.for_ref:
                self._report.alleles["reference"] += count

    def _malformed(self, number: int) -> MalformedRecordError:
        return MalformedRecordError(
            f"Line {self._first_line + number} is not a VCF record: it needs {COLUMNS} columns separated by "
            "tabs, and POS must be a whole number."
        )


def too_many_alts(line: int) -> MalformedRecordError:
    """The error for a record in that line of the file."""
    return MalformedRecordError(f"Line {line} has more than {MOST_ALTS:,} ALT alleles.")
