"""Place the alleles of a chunk's records.

All coordinates are inter-residue. A record that is rare or costly is left to the pure engine.
"""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Integers, IntegerTable, byte, compiled, entry
from vcfjobs.vrs.kernel.lines import ALT, ALT_END, COMMA, REF, REF_END, START
from vcfjobs.vrs.kernel.normalize import is_reference, place_allele, show_state
from vcfjobs.vrs.kernel.tables import (
    ALLELES,
    BREAKEND,
    CHANGE,
    DELETION,
    INSERTION,
    KIND,
    LOCATION,
    LOCATIONS,
    OTHER,
    RESIDUES,
    STAR,
    SYMBOLIC,
    UNPLACED,
)

# Anything larger is left to the pure engine, which compares block by block.
LONGEST_ALLELE = 1_000
MOST_ALLELES = 100

_IS_SEQUENCE = np.array([chr(b).upper() in "ACGTURYSWKMBDHVN" if b < 128 else False for b in range(256)])


@compiled
def is_sequence(text: Bytes, begin: int, end: int) -> bool:
    """Whether an allele has only IUPAC letters."""
    at = begin
    while at < end and _IS_SEQUENCE[byte(text, at)]:
        at += 1
    return at == end > begin


@compiled
def kind_without_id(text: Bytes, begin: int, end: int) -> int:
    """Why an allele has no identifier."""
    size = end - begin
    if size == 0:
        return OTHER
    first, last = byte(text, begin), byte(text, end - 1)
    if size == 1 and first == ord("*"):
        return STAR
    if first == ord("<") and last == ord(">"):
        return SYMBOLIC
    if first == ord(".") or last == ord("."):
        return BREAKEND
    for at in range(begin, end):
        if byte(text, at) == ord("[") or byte(text, at) == ord("]"):
            return BREAKEND
    return OTHER


@compiled
def allele_end(text: Bytes, at: int, alt_end: int) -> int:
    """The end of the ALT allele that begins at `at`."""
    while at < alt_end and byte(text, at) != COMMA:
        at += 1
    return at


@compiled
def place_record(
    text: Bytes,
    record: Integers,
    bases: Bytes,
    contig: int,
    for_ref: bool,
    smallest: bool,
    attributes: bool,
    locations: IntegerTable,
    alleles: IntegerTable,
    residues: Bytes,
    cursors: Integers,
) -> bool:
    """Place the alleles of one record in order; False leaves it to the pure engine."""
    ref, ref_end, after, alt_end = record[REF], record[REF_END], record[ALT], record[ALT_END]
    no_alts = alt_end - after == 1 and byte(text, after) == ord(".")
    if no_alts and not for_ref:
        return True
    if ref_end - ref > LONGEST_ALLELE:
        return False
    ref_is_sequence = is_sequence(text, ref, ref_end)
    is_ref = for_ref
    checked = False
    for _ in range(MOST_ALLELES):
        begin, end = ref, ref_end
        if not is_ref:
            begin, end = after, allele_end(text, after, alt_end)
            after = end + 1
        if end - begin > LONGEST_ALLELE:
            return False
        row = alleles[cursors[ALLELES]]
        row[:] = -1
        if not (ref_is_sequence and is_sequence(text, begin, end)):
            row[KIND] = kind_without_id(text, begin, end)
        elif contig < 0:
            row[KIND] = UNPLACED
        else:
            if not checked and not is_reference(text, ref, ref_end, bases, record[START]):
                return False
            checked = True
            if not place_allele(
                text,
                ref,
                ref_end,
                begin,
                end,
                bases,
                contig,
                record[START],
                smallest,
                row,
                locations,
                residues,
                cursors,
            ):
                return False
            if attributes:
                show_state(row, residues, cursors, bases)
        cursors[ALLELES] += 1
        if no_alts or (not is_ref and end == alt_end):
            return True
        is_ref = False
    return False


@entry
def place(
    text: Bytes,
    records: IntegerTable,
    first: int,
    last: int,
    bases: Bytes,
    contig: int,
    for_ref: bool,
    smallest: bool,
    attributes: bool,
    locations: IntegerTable,
    alleles: IntegerTable,
    residues: Bytes,
    cursors: Integers,
    ends: Integers,
    odd: Integers,
) -> None:
    """Place the records [first, last) of one contig (-1: unknown).

    `ends` gets the number of alleles up to and including each record. `odd` is 1, or becomes 1, for the
    records that the pure engine must annotate.
    """
    for number in range(first, last):
        at = cursors[LOCATIONS], cursors[ALLELES], cursors[RESIDUES]
        if odd[number] or not place_record(
            text,
            records[number],
            bases,
            contig,
            for_ref,
            smallest,
            attributes,
            locations,
            alleles,
            residues,
            cursors,
        ):
            odd[number] = 1
            cursors[LOCATIONS], cursors[ALLELES], cursors[RESIDUES] = at
        ends[number] = cursors[ALLELES]


@entry
def count(
    alleles: IntegerTable, ends: Integers, kinds: Integers, insertions: Integers, deletions: Integers
) -> int:
    """Add to the counts of alleles by kind, and of insertions and deletions by the size of the change.

    Returns how many of the records that have alleles have no identifier.
    """
    first = without = 0
    for last in ends:
        located = 0
        for number in range(first, last):
            kind = alleles[number, KIND]
            kinds[kind] += 1
            if kind == INSERTION:
                insertions[alleles[number, CHANGE]] += 1
            elif kind == DELETION:
                deletions[alleles[number, CHANGE]] += 1
            located += alleles[number, LOCATION] >= 0
        without += last > first and located == 0
        first = last
    return without
