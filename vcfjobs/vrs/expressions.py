"""Alleles written as one word: gnomAD's `7-140753336-A-T`, and SPDI on genomic sequences.

SPDI (Holmes et al. 2020) is `NC_000007.14:140753335:A:T`: a sequence, an inter-residue position, the deleted
bases or their number, and the inserted ones; both may be empty.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from vcfjobs.errors import InvalidParameterError, ReferenceMismatchError
from vcfjobs.vrs.digests import digest_bytes, vrs_allele
from vcfjobs.vrs.normalize import Bases, Normalized, Stretches, normalize
from vcfjobs.vrs.sequences.fasta import IUPAC
from vcfjobs.vrs.sequences.flat_files import FlatSequence
from vcfjobs.vrs.vcf.alleles import AlleleRow, state_shown
from vcfjobs.vrs.vcf.info import LONGEST_STATE_SHOWN
from vcfjobs.vrs.versions import VrsVersion

# A deletion by number costs its sender nothing: it may not read a whole chromosome.
LONGEST_DELETION = 1 << 20
# As much of a given word as an error repeats.
SHOWN = 50

# Possessive: a text of a million digits is read once, not once for each digit.
_OTHER_NOTATIONS = {
    "HGVS": re.compile(r"[^:]*:[cgmnopr]\..*", re.DOTALL),
    "Beacon": re.compile(r"[^:]*+:\s*+\d++\s*+\w++\s*+>\s*+\w++"),
    "VRS JSON": re.compile(r"\s*\{.*", re.DOTALL),
}
_NOT_GENOMIC = re.compile(r"(?:[NX][MPR]|[AYW]P)_|ENS[A-Z]*[PT]\d|LRG_", re.IGNORECASE)
_UNDERSTOOD = "Understood are gnomAD (7-140753336-A-T) and SPDI (NC_000007.14:140753335:A:T)."


class InvalidExpressionError(InvalidParameterError, code="INVALID_VARIATION", title="Not a valid variation"):
    """The expression has no meaning on the reference; the sentence says what is wrong."""


class UnsupportedExpressionError(
    InvalidParameterError, code="UNSUPPORTED_VARIATION", title="Unsupported variation"
):
    """The variation may be valid, but is of a kind that is not translated here."""


class Expression(NamedTuple):
    """The replacement of the bases [start, start + length), inter-residue, as it was written.

    `sequence` is the name of a contig in gnomAD, an accession in SPDI. `deleted` is None where only the
    number of the deleted bases is given. Bases are upper-case.
    """

    notation: Literal["gnomAD", "SPDI"]
    sequence: str
    start: int
    length: int
    deleted: bytes | None
    inserted: bytes


class Translated(NamedTuple):
    """An allele as the registry takes it, and as a VRS object."""

    row: AlleleRow
    vrs: dict[str, Any]


def parse(text: str) -> Expression:
    """The expression, not yet compared with any sequence.

    Raises UnsupportedExpressionError, naming the notation where it is known, and InvalidExpressionError.
    """
    for notation, pattern in _OTHER_NOTATIONS.items():
        if pattern.fullmatch(text):
            raise UnsupportedExpressionError(f"{notation} is not translated here. {_UNDERSTOOD}")
    if text.count(":") == 3:
        return _parse_spdi(*text.split(":"))
    if text.count("-") >= 3:
        return _parse_gnomad(*text.rsplit("-", 3))
    raise UnsupportedExpressionError(f"Not an expression that is translated here. {_UNDERSTOOD}")


def translate(
    expression: Expression,
    sequence: FlatSequence,
    sequence_name: str,
    vrs_version: VrsVersion,
    stretches: Stretches | None = None,
) -> Translated:
    """Compare the expression with its sequence, and normalise it. Errors call the sequence by its name.

    `stretches` are those of this sequence, for the next expression on it.
    Raises InvalidExpressionError outside the sequence, ReferenceMismatchError, UnsupportedExpressionError.
    """
    found = _replaced(expression, sequence, sequence_name)
    normal = normalize(
        sequence.bases, expression.start, found, expression.inserted, stretches, vrs_version=vrs_version
    )
    _, start, end, residues, length, subunit = normal
    literal = None if residues is None else residues.decode()
    vrs = vrs_allele(
        sequence.accession,
        start,
        end,
        literal=literal,
        length=length,
        repeat_subunit_length=subunit,
        sequence=_sequence_shown(sequence.bases, normal),
    )
    row = (digest_bytes(vrs["digest"]), sequence.accession, start, end, literal, length, subunit)
    return Translated(row, vrs)


def _replaced(expression: Expression, sequence: FlatSequence, sequence_name: str) -> bytes:
    """The bases that the expression replaces, if they are those that it names."""
    start, end = expression.start, expression.start + expression.length
    if start < 0 or end > len(sequence):
        size = f"{len(sequence):,} bases"
        raise InvalidExpressionError(
            f"Position {start}-{end} (inter-residue) is outside {sequence_name}, which has {size}."
        )
    if expression.length > LONGEST_DELETION:
        raise UnsupportedExpressionError(f"More than {LONGEST_DELETION:,} deleted bases are not supported.")
    found = sequence[start:end]
    if expression.deleted is not None and expression.deleted != found:
        given, correct = (bases[:SHOWN].decode() for bases in (expression.deleted, found))
        raise ReferenceMismatchError(
            f"Reference mismatch at {sequence_name} position {start}-{end} "
            f"(input gave '{given}' but correct ref is '{correct}')"
        )
    return found


def _sequence_shown(bases: Bases, normal: Normalized) -> str | None:
    """The residues of a reference-length state, as far as the reference implementation shows them."""
    length, subunit = normal.length, normal.repeat_subunit_length
    if length is None or subunit is None or length > LONGEST_STATE_SHOWN:
        return None
    return state_shown(bases, normal.start, length, subunit).decode() if length else ""


def _parse_gnomad(contig: str, position: str, ref: str, alt: str) -> Expression:
    start = _number("The position", position) - 1
    deleted, inserted = _bases("REF", ref), _bases("ALT", alt)
    if not (deleted and inserted):
        raise InvalidExpressionError("REF and ALT must not be empty in a gnomAD expression.")
    return Expression("gnomAD", contig, start, len(deleted), deleted, inserted)


def _parse_spdi(accession: str, position: str, deletion: str, insertion: str) -> Expression:
    if _NOT_GENOMIC.match(accession):
        raise UnsupportedExpressionError(
            f"{accession[:SHOWN]!r} is a transcript or a protein: only genomic sequences are translated here."
        )
    start, inserted = _number("The position", position), _bases("The insertion", insertion)
    if deletion[:1].isdigit():
        return Expression("SPDI", accession, start, _number("The deletion", deletion), None, inserted)
    deleted = _bases("The deletion", deletion)
    return Expression("SPDI", accession, start, len(deleted), deleted, inserted)


def _number(what: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise InvalidExpressionError(f"{what} must be a number, not {text[:SHOWN]!r}.")
    return int(text)


def _bases(what: str, text: str) -> bytes:
    residues = text.encode("ascii", "replace").upper()
    if residues.translate(None, IUPAC):
        raise InvalidExpressionError(f"{what} is not written in IUPAC nucleotide codes: {text[:SHOWN]!r}.")
    return residues
