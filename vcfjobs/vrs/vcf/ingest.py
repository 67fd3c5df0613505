"""Read the alleles that an annotated VCF carries, without recomputing them from REF and ALT.

An identifier is accepted only if it is the digest of the attributes beside it. With `validate`, the
identifiers are also computed from REF and ALT, under the VRS version that the header names, and each
difference is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vcfjobs.errors import BadRequestError
from vcfjobs.vrs import kernel
from vcfjobs.vrs.digests import (
    ALLELE_OPEN,
    ALLELE_PREFIX,
    digest_bytes,
    literal_state,
    raw_digest,
    raw_digests,
    reference_length_state,
    texts,
)
from vcfjobs.vrs.sequences.contigs import Contig, Contigs
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.alleles import AlleleRow, is_sequence
from vcfjobs.vrs.vcf.annotate import read_header
from vcfjobs.vrs.vcf.header import COLUMNS, FIELDS
from vcfjobs.vrs.vcf.info import MISSING
from vcfjobs.vrs.vcf.lines import TextSource
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.records import RecordAnnotator
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.versions import VrsVersion

REQUIRED = tuple(name for name in FIELDS if name != b"VRS_Error")
LARGEST = 1 << 31
NOT_ITS_OWN = "identifier_not_of_its_attributes"
MALFORMED = "malformed_annotation"


class AnnotationsMissingError(BadRequestError, code="ANNOTATIONS_MISSING"):
    """The file lacks the fields that are to be registered (AnyVar's sentence)."""

    def __init__(self) -> None:
        super().__init__(
            "Required VRS annotations are missing -- ensure INFO field has VRS_Allele_IDs, VRS_Starts, "
            "VRS_Ends, VRS_States, VRS_Lengths, and VRS_RepeatSubunitLengths"
        )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An identifier that differs from that of REF and ALT; coordinates and state as in the file."""

    vrs_id: str
    chrom: str
    pos: int
    start: str
    end: str
    state: str
    new_vrs_id: str


@dataclass(slots=True)
class IngestChunk:
    """The alleles and the differences in a chunk of records."""

    alleles: list[AlleleRow] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    compressed_bytes: int = 0


def require_annotations(header: bytes) -> bool:
    """Whether the fields include REF. Raises AnnotationsMissingError unless all six are declared."""
    declared = [line for line in header.splitlines() if line.startswith(b"##INFO=<")]
    for name in REQUIRED:
        if not any(b"ID=%b," % name in line for line in declared):
            raise AnnotationsMissingError
    return has_ref_ids(header)


def has_ref_ids(header: bytes) -> bool:
    """Whether the header declares identifiers of REF and ALT, not of ALT alone."""
    declared = [line for line in header.splitlines() if line.startswith(b"##INFO=<")]
    return any(b"ID=VRS_Allele_IDs," in line and b"Number=R," in line for line in declared)


def ingest(source: TextSource, reference: Reference, *, validate: bool) -> Iterator[IngestChunk]:
    """The alleles of an annotated file as a stream, in order. Raises as `annotate` does."""
    header, rest = read_header(source, None)
    for_ref = require_annotations(header.data)
    reader = _Reader(reference, for_ref=for_ref, validate=validate, vrs_version=header.vrs_version)
    line = header.lines + 1
    while rest:
        chunk = reader.read(rest, line)
        chunk.report.vrs_version = header.vrs_version
        chunk.compressed_bytes = source.compressed_bytes
        line += rest.count(b"\n")
        yield chunk
        rest = source.read_chunk()


class _Reader:
    def __init__(
        self, reference: Reference, *, for_ref: bool, validate: bool, vrs_version: VrsVersion
    ) -> None:
        self._contigs = Contigs(reference)
        self._validate = validate
        options = Options(for_ref=for_ref, vrs_version=vrs_version)
        self._annotator = kernel.accelerated(RecordAnnotator(reference, options))

    def read(self, lines: bytes, first_line: int) -> IngestChunk:
        # Annotating again checks every line, counts the records, and gives the identifiers of REF and ALT.
        annotated = self._annotator.annotate(lines, first_line)
        chunk = IngestChunk(report=annotated.report)
        chunk.report.failed.clear()
        chunk.report.failures.clear()
        for given, again in zip(lines.split(b"\n"), annotated.data.split(b"\n"), strict=True):
            if given.strip(b"\r"):
                self._record(given.split(b"\t", COLUMNS), again, chunk)
        return chunk

    def _record(self, fields: list[bytes], again: bytes, chunk: IngestChunk) -> None:
        contig = self._contigs.get(fields[0])
        info = _entries(fields[7])
        columns = [info.get(name, b"").split(b",") for name in REQUIRED]
        if contig is None or info.get(b"VRS_Allele_IDs") is None:
            return
        position = int(fields[1])
        try:
            alleles = list(zip(*columns, strict=True))
            rows = [_row(contig, allele) for allele in alleles if allele[0] != MISSING]
        except ValueError:
            chunk.report.count_failure(fields[0].decode("utf-8", "replace"), position, MALFORMED)
            return
        for row in rows:
            if row is None:
                chunk.report.count_failure(fields[0].decode("utf-8", "replace"), position, NOT_ITS_OWN)
            else:
                chunk.alleles.append(row)
        if self._validate:
            new = _entries(again.split(b"\t", COLUMNS)[7]).get(b"VRS_Allele_IDs", MISSING).split(b",")
            chunk.disagreements += _disagreements(fields, alleles, new)


def _entries(info: bytes) -> dict[bytes, bytes]:
    pairs = (entry.partition(b"=") for entry in info.rstrip(b"\r").split(b";"))
    return {name: value for name, _, value in pairs}


def _row(contig: Contig, allele: tuple[bytes, ...]) -> AlleleRow | None:
    """The allele that the attributes define; None if the identifier is not their digest.

    Raises ValueError for attributes that define no allele.
    """
    identifier, start_text, end_text, state, length_text, subunit_text = allele
    start, end = int(start_text), int(end_text)
    if not 0 <= start <= end <= contig.size:
        raise ValueError("no place on the contig")
    (location,) = texts(raw_digests([contig.location % (end, start)]))
    if length_text == MISSING:
        residues = b"" if state == MISSING else state
        if residues and not is_sequence(residues):
            raise ValueError("no sequence")
        literal, length, subunit = residues.decode(), None, None
        blob = ALLELE_OPEN + location + literal_state(residues)
    else:
        literal, length, subunit = None, int(length_text), int(subunit_text)
        if not (0 <= length < LARGEST and 0 <= subunit < LARGEST):
            raise ValueError("no length")
        blob = ALLELE_OPEN + location + reference_length_state(length, subunit)
    digest = raw_digest(blob)
    if digest != digest_bytes(identifier.decode().removeprefix(ALLELE_PREFIX)):
        return None
    return (digest, contig.accession, start, end, literal, length, subunit)


def _disagreements(
    fields: list[bytes], alleles: list[tuple[bytes, ...]], new: list[bytes]
) -> list[Disagreement]:
    chrom, position = fields[0].decode("utf-8", "replace"), int(fields[1])
    padded = new + [MISSING] * (len(alleles) - len(new))
    found = []
    for allele, again in zip(alleles, padded, strict=False):
        identifier, start, end, state, *_ = (text.decode("utf-8", "replace") for text in allele)
        if identifier != again.decode():
            found.append(Disagreement(identifier, chrom, position, start, end, state, again.decode()))
    return found
