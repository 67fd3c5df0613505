"""The alleles of a chunk's records: normalised one by one, digested together, written into the lines."""

from __future__ import annotations

from typing import Final

from vcfjobs.vrs.digests import ALLELE_OPEN, literal_state, raw_digests, reference_length_state, texts
from vcfjobs.vrs.normalize import Bases, Normalized, normalize
from vcfjobs.vrs.sequences.contigs import Contig
from vcfjobs.vrs.sequences.fasta import IUPAC
from vcfjobs.vrs.vcf.info import (
    ID,
    LONGEST_STATE_SHOWN,
    MISSING,
    NOTHING,
    Attributes,
    error_field,
    fields_of,
    replaced,
)
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report

# digest (24 bytes), accession, start, end, literal, length, repeat subunit length. A plain tuple: a named one
# takes half as much time again to create.
AlleleRow = tuple[bytes, str, int, int, "str | None", "int | None", "int | None"]
DIGEST: Final = 0
LITERAL: Final = 4

MISMATCH = "reference_mismatch"
POSITION = "position_outside_contig"

_BREAKEND_MARKS = (b"[", b"]")


class ChunkAlleles:
    """The records of one chunk, and their alleles in the order of the file."""

    def __init__(self, assembly: str, report: Report, options: Options) -> None:
        self._assembly = assembly
        self._report = report
        self._options = options
        # line number, fields, and the attributes of each allele (None: no identifier) or the error
        self.records: list[tuple[int, list[bytes], list[Attributes | None] | bytes]] = []
        self._locations: list[bytes] = []
        self._location_of: list[int] = []  # of each allele with an identifier
        self._states: list[bytes] = []
        self._rows: list[tuple[str, int, int, str | None, int | None, int | None]] = []

    def place(self, number: int, fields: list[bytes], start: int, contig: Contig | None) -> None:
        """Add one record; `start` is POS - 1. Counts the alleles that get no identifier."""
        ref, alt = fields[3].upper(), fields[4].upper()
        alts = [] if alt == MISSING else alt.split(b",")
        written = [ref, *alts] if self._options.for_ref else alts
        ref_is_sequence = is_sequence(ref)
        sequences = [ref_is_sequence and is_sequence(allele) for allele in written]
        if not all(sequences):
            self._count_without_id(written, sequences)
        placed: list[Attributes | None] | bytes
        if contig is None or True not in sequences:
            placed = [None] * len(written)
        elif start < 0 or contig.bases[start : start + len(ref)] != ref:
            placed = self._reference_error(fields, start, contig)
        else:
            placed = self._place_alleles(contig, start, ref, written, sequences)
        if written and (isinstance(placed, bytes) or not any(placed)):
            self._report.records_without_ids += 1
        self.records.append((number, fields, placed))

    def write(self, lines: list[bytes]) -> list[AlleleRow]:
        """Write the annotated records into `lines`; returns the rows of their alleles, if collected."""
        locations = texts(raw_digests(self._locations))
        states = zip(self._location_of, self._states, strict=True)
        raw = raw_digests([ALLELE_OPEN + locations[at] + state for at, state in states])
        take = iter(texts(raw)).__next__
        for number, fields, placed in self.records:
            new = b""
            if isinstance(placed, bytes):
                new = placed
            elif placed:
                ids = [MISSING if allele is None else ID + take() for allele in placed]
                attributes = [allele or NOTHING for allele in placed]
                new = fields_of(ids, attributes if self._options.add_vrs_attributes else None)
            lines[number] = replaced(fields, new)
        if not self._options.collect_alleles:
            return []
        return [(digest, *row) for digest, row in zip(raw, self._rows, strict=True)]

    def _count_without_id(self, written: list[bytes], sequences: list[bool]) -> None:
        for allele, has_letters in zip(written, sequences, strict=True):
            if not has_letters:
                self._report.without_id[kind_without_id(allele)] += 1

    def _reference_error(self, fields: list[bytes], start: int, contig: Contig) -> bytes:
        """The VRS_Error of a REF that differs from the sequence, which is empty past its end."""
        end = start + len(fields[3])
        correct = contig.bases[start:end] if start >= 0 else b""
        chrom, given = (field.decode("utf-8", "replace") for field in (fields[0], fields[3].upper()))
        reason = MISMATCH if correct else POSITION
        self._report.count_failure(chrom, start + 1, reason, given, correct.decode())
        return error_field(
            f"Reference mismatch at {self._assembly}:{chrom} position {start}-{end} "
            f"(input gave '{given}' but correct ref is '{correct.decode()}')"
        )

    def _place_alleles(
        self, contig: Contig, start: int, ref: bytes, written: list[bytes], sequences: list[bool]
    ) -> list[Attributes | None]:
        """The attributes of each allele that is a sequence; None for the others."""
        version = self._options.vrs_version
        # An allele that occurs twice in a record is normalised once: rolling through a stretch of N is slow.
        normal = {
            allele: normalize(contig.bases, start, ref, allele, contig.stretches, version)
            for allele in {allele: None for allele, known in zip(written, sequences, strict=True) if known}
        }
        return [
            self._place_allele(contig, normal[allele], ref, allele) if allele in normal else None
            for allele in written
        ]

    def _place_allele(self, contig: Contig, normal: Normalized, ref: bytes, allele: bytes) -> Attributes:
        kind, begin, end, literal, length, subunit = normal
        location = contig.location % (end, begin)
        if not self._locations or self._locations[-1] != location:
            self._locations.append(location)
        self._location_of.append(len(self._locations) - 1)
        self._report.alleles[kind] += 1
        if kind in ("insertion", "deletion"):
            self._report.count_indel(kind, abs(len(allele) - len(ref)))
        if self._options.collect_alleles:
            text = None if literal is None else literal.decode()
            self._rows.append((contig.accession, begin, end, text, length, subunit))
        if length is None or subunit is None:
            residues = literal or b""
            self._states.append(literal_state(residues))
            return Attributes(b"%d" % begin, b"%d" % end, residues, MISSING, MISSING)
        self._states.append(reference_length_state(length, subunit))
        shown = state_shown(contig.bases, begin, length, subunit)
        return Attributes(b"%d" % begin, b"%d" % end, shown, b"%d" % length, b"%d" % subunit)


def is_sequence(allele: bytes) -> bool:
    """Whether an upper-case allele has only IUPAC letters."""
    return bool(allele) and not allele.translate(None, IUPAC)


def kind_without_id(allele: bytes) -> str:
    """Why an allele has no identifier of its own."""
    if allele == b"*":
        return "star"
    if allele.startswith(b"<") and allele.endswith(b">"):
        return "symbolic"
    if any(mark in allele for mark in _BREAKEND_MARKS) or MISSING in (allele[:1], allele[-1:]):
        return "breakend"
    return "other"


def state_shown(bases: Bases, start: int, length: int, subunit: int) -> bytes:
    """The residues of a reference-length state, MISSING where the reference annotator omits them."""
    if not 0 < length <= LONGEST_STATE_SHOWN:
        return MISSING
    unit = bases[start : start + min(subunit, length)]
    return (unit * (length // len(unit) + 1))[:length]
