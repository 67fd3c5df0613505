"""The hot path: a chunk of whole VCF lines in, the same lines with VRS fields and their alleles out.

Four passes over a chunk, each a tight loop: place every allele; digest the locations; digest the alleles;
write the lines. A record's REF and ALT mostly share one location, and a digest costs more than all the
rest, so a location is digested once. A substitution of one base takes a short cut through the first pass.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from struct import iter_unpack
from typing import NamedTuple

from vcfjobs.errors import MalformedRecordError
from vcfjobs.vrs import digests
from vcfjobs.vrs.header import COLUMNS, FIELDS
from vcfjobs.vrs.normalize import Bases, normalize
from vcfjobs.vrs.report import Report
from vcfjobs.vrs.sequences import FlatSequence, Reference

BASES = frozenset((b"A", b"C", b"G", b"T"))
IUPAC = b"ACGTURYSWKMBDHVN"
LONGEST_STATE_SHOWN = 50
LARGEST_POSITION = 1 << 40

MISMATCH = "reference_mismatch"
POSITION = "position_outside_contig"

# The canonical JSON of an allele before and after its location's digest.
_OPEN = b'{"location":"'
_LITERAL = b'","state":{"sequence":"%b","type":"LiteralSequenceExpression"},"type":"Allele"}'
_REFERENCE_LENGTH = (
    b'","state":{"length":%d,"repeatSubunitLength":%d,"type":"ReferenceLengthExpression"},"type":"Allele"}'
)
_ONE_BASE_KEPT = _REFERENCE_LENGTH % (1, 1)
_ONE_BASE_CHANGED = {base: _LITERAL % base for base in BASES}

_ESCAPES = str.maketrans(
    {"%": "%25", ";": "%3B", ",": "%2C", "\r": "%0D", "\n": "%0A", "\t": "%09", "=": "%3D"}
)

AlleleRow = tuple[bytes, str, int, int, "str | None", "int | None", "int | None"]


class Placed(NamedTuple):
    """A normalised allele, and which of the chunk's locations is its own.

    The texts are those of the attribute fields; `.` where there is none.
    """

    location: int
    start: int
    end: int
    literal: bytes | None
    length: int | None
    repeat_subunit_length: int | None
    state_shown: bytes


class Contig(NamedTuple):
    """What a record needs of its contig."""

    accession: str
    bases: Bases
    size: int
    location: bytes


class Annotated(NamedTuple):
    """One chunk's outcome. Rows: digest, accession, start, end, literal, length, repeat subunit length."""

    data: bytes
    alleles: list[AlleleRow]
    report: Report


class RecordAnnotator:
    """Annotates chunks of lines of one file."""

    def __init__(
        self,
        reference: Reference,
        *,
        for_ref: bool,
        add_vrs_attributes: bool,
        collect_alleles: bool,
    ) -> None:
        self.reference = reference
        self.for_ref = for_ref
        self.add_vrs_attributes = add_vrs_attributes
        self.collect_alleles = collect_alleles
        self._contigs: dict[bytes, Contig] = {}

    def annotate(self, chunk: bytes, first_line: int) -> Annotated:
        """Annotate whole lines, of which the first is the file's line `first_line` (from 1).

        Raises MalformedRecordError naming the line of what is no record.
        """
        return _Chunk(self, chunk, first_line).annotate()

    def contig(self, name: bytes) -> Contig | None:
        """The contig of that name; None when the assembly has none."""
        known = self._contigs.get(name)
        if known is not None:
            return known
        sequence = _look_up(self.reference.contigs, name)
        if sequence is None:
            return None
        template = digests.location_template(sequence.accession)
        contig = Contig(sequence.accession, sequence.bases, len(sequence), template)
        self._contigs[name] = contig
        return contig


def _look_up(contigs: Mapping[str, FlatSequence], name: bytes) -> FlatSequence | None:
    try:
        return contigs.get(name.decode())
    except UnicodeDecodeError:
        return None


class _Chunk:
    """One chunk on its way through the passes."""

    def __init__(self, annotator: RecordAnnotator, chunk: bytes, first_line: int) -> None:
        self.annotator = annotator
        self.chunk = chunk
        self.first_line = first_line
        self.report = Report()
        self.locations: list[bytes] = []  # canonical JSON of each location
        self.location_of: list[int] = []  # of each allele with an identifier: its location
        self.states: list[bytes] = []  # of each such allele: the JSON after the location's digest
        self.rows: list[tuple[str, int, int, str | None, int | None, int | None]] = []
        self.has_old_fields = b"VRS_" in chunk
        self.has_carriage_returns = b"\r" in chunk

    def annotate(self) -> Annotated:
        lines = self.chunk.split(b"\n")
        placed = self._place(lines)
        raw_digests, identifiers = self._digest()
        self._write(lines, placed, identifiers)
        alleles = (
            [(digest, *row) for digest, row in zip(raw_digests, self.rows, strict=True)] if self.rows else []
        )
        return Annotated(b"\n".join(lines), alleles, self.report)

    # --- first pass: place every allele --------------------------------------------------------

    def _place(self, lines: list[bytes]) -> list[object]:
        """Per line: its fields and how its alleles are placed; None for a blank line."""
        annotator = self.annotator
        for_ref, collect = annotator.for_ref, annotator.collect_alleles
        locations, location_of, states = self.locations, self.location_of, self.states
        placed: list[object] = []
        name = b""
        contig: Contig | None = None
        starts: list[int] = []
        substitutions = 0
        for number, line in enumerate(lines):
            fields = line.split(b"\t", COLUMNS)
            try:
                chrom, position, _, ref, alt = fields[:5]
                start = int(position) - 1
                fields[7]
            except (ValueError, IndexError):
                if line.strip(b"\r"):
                    raise self._malformed(number) from None
                placed.append(None)
                continue
            if chrom != name:
                self._end_run(name, starts, contig)
                starts = []
                name, contig = chrom, annotator.contig(chrom)
            starts.append(start)
            if (
                contig is not None
                and alt in BASES
                and ref in BASES
                and alt != ref
                and 0 <= start < contig.size
                and contig.bases[start : start + 1] == ref
            ):
                here = len(locations)
                locations.append(contig.location % (start + 1, start))
                if for_ref:
                    location_of.append(here)
                    states.append(_ONE_BASE_KEPT)
                location_of.append(here)
                states.append(_ONE_BASE_CHANGED[alt])
                substitutions += 1
                placed.append((fields, start))
                if collect:
                    if for_ref:
                        self.rows.append((contig.accession, start, start + 1, None, 1, 1))
                    self.rows.append((contig.accession, start, start + 1, alt.decode(), None, None))
            else:
                placed.append((fields, self._place_any(fields, start, contig, number)))
        self._end_run(name, starts, contig)
        self._check_positions(placed)
        report = self.report
        report.records = len(placed) - placed.count(None)
        if substitutions:
            report.alleles["snv"] += substitutions
            if for_ref:
                report.alleles["reference"] += substitutions
        return placed

    def _end_run(self, name: bytes, starts: list[int], contig: Contig | None) -> None:
        """Count the records of one contig that stand together."""
        if not starts:
            return
        text = name.decode("utf-8", "replace")
        self.report.count_positions(text, starts)
        if contig is None:
            self.report.count_unknown(text, len(starts))
        else:
            self.report.resolved += len(starts)

    def _check_positions(self, placed: list[object]) -> None:
        """int() takes more than digits (blanks, signs, underscores); such a POS is malformed."""
        positions = [entry[0][1] for entry in placed if entry is not None]  # type: ignore[index]
        if not positions or b"".join(positions).isdigit():
            return
        for number, entry in enumerate(placed):
            if entry is not None and not entry[0][1].isdigit():  # type: ignore[index]
                raise self._malformed(number)

    def _malformed(self, number: int) -> MalformedRecordError:
        return MalformedRecordError(
            f"Line {self.first_line + number} is not a VCF record: it needs {COLUMNS} columns separated by "
            "tabs, and POS must be a whole number."
        )

    def _place_any(
        self, fields: list[bytes], start: int, contig: Contig | None, number: int
    ) -> list[Placed | None] | bytes:
        """The record's alleles in order, None for one without identifier; or the error to write instead."""
        if start >= LARGEST_POSITION or start < -1:
            raise self._malformed(number)
        ref, alt = fields[3].upper(), fields[4].upper()
        alts = [] if alt == b"." else alt.split(b",")
        written = [ref, *alts] if self.annotator.for_ref else alts
        sequences = [_is_sequence(ref) and _is_sequence(allele) for allele in written]
        self._count_without_id(written, sequences)
        if contig is None or not any(sequences):
            return [None] * len(written)
        if error := self._reference_error(fields, start, ref, contig):
            return error
        return [
            self._place_one(contig, start, ref, allele) if is_sequence else None
            for allele, is_sequence in zip(written, sequences, strict=True)
        ]

    def _count_without_id(self, written: list[bytes], sequences: list[bool]) -> None:
        for allele, is_sequence in zip(written, sequences, strict=True):
            if not is_sequence:
                self.report.without_id[_kind_without_id(allele)] += 1

    def _reference_error(self, fields: list[bytes], start: int, ref: bytes, contig: Contig) -> bytes | None:
        """The sentence when REF is not what stands in the sequence, which is empty past its end."""
        end = start + len(ref)
        correct = contig.bases[start:end] if start >= 0 else b""
        if correct == ref:
            return None
        chrom = fields[0].decode("utf-8", "replace")
        self.report.count_failure(chrom, start + 1, MISMATCH if correct else POSITION)
        given = fields[3].decode("utf-8", "replace")
        sentence = (
            f"Reference mismatch at {self.annotator.reference.assembly}:{chrom} position {start}-{end} "
            f"(input gave '{given}' but correct ref is '{correct.decode()}')"
        )
        return sentence.translate(_ESCAPES).encode()

    def _place_one(self, contig: Contig, start: int, ref: bytes, allele: bytes) -> Placed:
        kind, begin, end, literal, length, subunit = normalize(contig.bases, start, ref, allele)
        location = contig.location % (end, begin)
        if not self.locations or self.locations[-1] != location:
            self.locations.append(location)
        here = len(self.locations) - 1
        self.location_of.append(here)
        self.states.append(
            _LITERAL % literal if literal is not None else _REFERENCE_LENGTH % (length, subunit)
        )
        report = self.report
        report.alleles[kind] += 1
        if kind in ("insertion", "deletion"):
            report.count_indel(kind, abs(len(allele) - len(ref)))
        if self.annotator.collect_alleles:
            text = None if literal is None else literal.decode()
            self.rows.append((contig.accession, begin, end, text, length, subunit))
        shown = (
            literal if literal is not None else _state_shown(contig.bases, begin, length or 0, subunit or 0)
        )
        return Placed(here, begin, end, literal, length, subunit, shown)

    # --- second and third pass: the digests ----------------------------------------------------

    def _digest(self) -> tuple[list[bytes], list[bytes]]:
        """The alleles' digests, raw and as 32 characters, in the order in which they were placed."""
        sha512, size = hashlib.sha512, digests.DIGEST_BYTES
        raw = [sha512(location).digest()[:size] for location in self.locations]
        texts = [text for (text,) in iter_unpack("32s", digests.encode_digests(b"".join(raw)))]
        raw = [
            sha512(_OPEN + texts[location] + state).digest()[:size]
            for location, state in zip(self.location_of, self.states, strict=True)
        ]
        return raw, [text for (text,) in iter_unpack("32s", digests.encode_digests(b"".join(raw)))]

    # --- fourth pass: the lines ----------------------------------------------------------------

    def _write(self, lines: list[bytes], placed: list[object], identifiers: list[bytes]) -> None:
        """Put the VRS fields into the lines."""
        for_ref, attributes = self.annotator.for_ref, self.annotator.add_vrs_attributes
        template = _ONE_BASE_TEMPLATES[for_ref, attributes]
        plain = not (self.has_old_fields or self.has_carriage_returns)
        identifier = iter(identifiers)
        take = identifier.__next__
        for number, entry in enumerate(placed):
            if entry is None:
                continue
            fields, alleles = entry  # type: ignore[misc]
            if type(alleles) is int:
                if for_ref and attributes:
                    after, ref, alt = alleles + 1, fields[3], fields[4]
                    new = template % (take(), take(), alleles, alleles, after, after, ref, alt)
                elif for_ref:
                    new = template % (take(), take())
                elif attributes:
                    new = template % (take(), alleles, alleles + 1, fields[4])
                else:
                    new = template % take()
            elif type(alleles) is bytes:
                new = b"VRS_Error=" + alleles
            elif alleles:
                new = _fields_of(
                    alleles, [b"." if allele is None else take() for allele in alleles], attributes
                )
            else:
                new = b""
            info = fields[7]
            if plain:
                if new:
                    fields[7] = info + b";" + new if info != b"." else new
                    lines[number] = b"\t".join(fields)
            else:
                fields[7] = _amended(info, new, last=len(fields) == COLUMNS)
                lines[number] = b"\t".join(fields)


def _one_base_template(*, for_ref: bool, attributes: bool) -> bytes:
    """The fields of a record that changes one base; both alleles lie on one base."""
    if for_ref:
        ids = b"VRS_Allele_IDs=ga4gh:VA.%b,ga4gh:VA.%b"
        rest = (
            b";VRS_Starts=%d,%d;VRS_Ends=%d,%d;VRS_States=%b,%b;VRS_Lengths=1,.;VRS_RepeatSubunitLengths=1,."
        )
    else:
        ids = b"VRS_Allele_IDs=ga4gh:VA.%b"
        rest = b";VRS_Starts=%d;VRS_Ends=%d;VRS_States=%b;VRS_Lengths=.;VRS_RepeatSubunitLengths=."
    return ids + rest if attributes else ids


_ONE_BASE_TEMPLATES = {
    (for_ref, attributes): _one_base_template(for_ref=for_ref, attributes=attributes)
    for for_ref in (True, False)
    for attributes in (True, False)
}


def _fields_of(alleles: list[Placed | None], identifiers: list[bytes], attributes: bool) -> bytes:
    """The VRS fields of any record; a missing element is `.` in every field."""
    ids = b"VRS_Allele_IDs=" + b",".join(
        b"." if allele is None else b"ga4gh:VA." + text
        for allele, text in zip(alleles, identifiers, strict=True)
    )
    if not attributes:
        return ids
    return b";".join(
        (
            ids,
            b"VRS_Starts=" + b",".join(b"." if a is None else b"%d" % a.start for a in alleles),
            b"VRS_Ends=" + b",".join(b"." if a is None else b"%d" % a.end for a in alleles),
            b"VRS_States=" + b",".join(b"." if a is None else a.state_shown for a in alleles),
            b"VRS_Lengths=" + b",".join(_number(a.length if a else None) for a in alleles),
            b"VRS_RepeatSubunitLengths="
            + b",".join(_number(a.repeat_subunit_length if a else None) for a in alleles),
        )
    )


def _number(value: int | None) -> bytes:
    return b"." if value is None else b"%d" % value


def _amended(info: bytes, new: bytes, *, last: bool) -> bytes:
    """INFO without older VRS fields and with the new ones; a carriage return stays at the line's end."""
    line_end = b"\r" if last and info.endswith(b"\r") else b""
    kept = [
        field
        for field in info.removesuffix(line_end).split(b";")
        if field not in (b".", b"") and field.split(b"=", 1)[0] not in FIELDS
    ]
    if not new and info.count(b";") + 1 == len(kept):
        return info
    return b";".join([*kept, new] if new else kept or [b"."]) + line_end


def _is_sequence(allele: bytes) -> bool:
    """Whether an upper-case allele is written in IUPAC letters alone."""
    return bool(allele) and not allele.translate(None, IUPAC)


def _kind_without_id(allele: bytes) -> str:
    """Why an allele has no identifier of its own."""
    if allele == b"*":
        return "star"
    if allele.startswith(b"<") and allele.endswith(b">"):
        return "symbolic"
    if any(letter in allele for letter in (b"[", b"]")) or allele.startswith(b".") or allele.endswith(b"."):
        return "breakend"
    return "other"


def _state_shown(bases: Bases, start: int, length: int, subunit: int) -> bytes:
    """The residues of a reference-length state, as far as they are shown."""
    if not 0 < length <= LONGEST_STATE_SHOWN:
        return b"."
    unit = bases[start : start + min(subunit, length)]
    return (unit * (length // len(unit) + 1))[:length]
