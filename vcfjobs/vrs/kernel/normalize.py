"""Normalise one allele, by the rules of vrs/normalize.py, and find its place and state.

All coordinates are inter-residue.
"""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Integers, IntegerTable, byte, compiled, copy
from vcfjobs.vrs.kernel.tables import (
    CHANGE,
    CONTIG,
    CONTIG_OF,
    DELETION,
    DELINS,
    END_OF,
    INSERTION,
    KIND,
    LENGTH,
    LITERAL,
    LITERAL_SIZE,
    LOCATION,
    LOCATION_END,
    LOCATION_START,
    LOCATIONS,
    MNV,
    REFERENCE,
    RESIDUES,
    SHOWN,
    SHOWN_SIZE,
    SNV,
    START_OF,
    SUBUNIT,
)

# Anything longer is left to the pure engine, which remembers long repeats.
LONGEST_ROLL = 4_000
# VRS_States shows no longer reference-length state.
LONGEST_SHOWN = 50

_UPPER = np.array([ord(chr(b).upper()) if b < 128 else b for b in range(256)], np.uint8)


@compiled
def is_reference(text: Bytes, begin: int, end: int, bases: Bytes, start: int) -> bool:
    """Whether the contig has REF at `start`."""
    if start < 0 or start + (end - begin) > bases.size:
        return False
    size = end - begin
    k = 0
    while k < size and _UPPER[byte(text, begin + k)] == byte(bases, start + k):
        k += 1
    return k == size


@compiled
def rolled_left(bases: Bytes, at: int, text: Bytes, seed: int, size: int) -> int:
    """How many residues before `at` end as the seed repeated, or one more than LONGEST_ROLL."""
    rolled = k = 0
    while at - rolled > 0 and rolled <= LONGEST_ROLL:
        if byte(bases, at - rolled - 1) != _UPPER[byte(text, seed + size - 1 - k)]:
            break
        rolled += 1
        k += 1
        if k == size:
            k = 0
    return rolled


@compiled
def rolled_right(bases: Bytes, at: int, text: Bytes, seed: int, size: int) -> int:
    """How many residues from `at` on continue the seed repeated, or one more than LONGEST_ROLL."""
    rolled = k = 0
    while at + rolled < bases.size and rolled <= LONGEST_ROLL:
        if byte(bases, at + rolled) != _UPPER[byte(text, seed + k)]:
            break
        rolled += 1
        k += 1
        if k == size:
            k = 0
    return rolled


@compiled
def repeats(text: Bytes, seed: int, size: int, subunit: int) -> bool:
    """Whether the seed is its first `subunit` residues repeated."""
    k = subunit
    while k < size and _UPPER[byte(text, seed + k)] == _UPPER[byte(text, seed + k - subunit)]:
        k += 1
    return k == size


@compiled
def repeat_subunit(text: Bytes, seed: int, size: int, longest: int, smallest: bool) -> int:
    """The repeat subunit of an ambiguous insertion: VRS 2.1 takes the smallest, 2.0 the largest; 0: none."""
    if smallest:
        for subunit in range(1, min(size, longest) + 1):
            if size % subunit == 0 and repeats(text, seed, size, subunit):
                return subunit
    else:
        for subunit in range(min(size, longest), 0, -1):
            if size % subunit == 0 and repeats(text, seed, size, subunit):
                return subunit
    return 0


@compiled
def add_letters(residues: Bytes, cursors: Integers, text: Bytes, begin: int, size: int) -> None:
    """Add letters of the text, in upper case, to the residues."""
    at = cursors[RESIDUES]
    for k in range(size):
        residues[at + k] = _UPPER[byte(text, begin + k)]
    cursors[RESIDUES] = at + size


@compiled
def add_bases(residues: Bytes, cursors: Integers, bases: Bytes, begin: int, end: int) -> None:
    """Add residues of the contig to the residues."""
    at = cursors[RESIDUES]
    copy(residues, at, bases, begin, end - begin)
    cursors[RESIDUES] = at + end - begin


@compiled
def locate(
    row: Integers, locations: IntegerTable, cursors: Integers, contig: int, start: int, end: int
) -> None:
    """Set the location of the allele; neighbouring alleles share one."""
    last = cursors[LOCATIONS] - 1
    if (
        last < 0
        or locations[last, LOCATION_START] != start
        or locations[last, LOCATION_END] != end
        or locations[last, CONTIG] != contig
    ):
        last += 1
        locations[last, CONTIG] = contig
        locations[last, LOCATION_START] = start
        locations[last, LOCATION_END] = end
        cursors[LOCATIONS] = last + 1
    row[LOCATION], row[CONTIG_OF], row[START_OF], row[END_OF] = last, contig, start, end


@compiled
def show_state(row: Integers, residues: Bytes, cursors: Integers, bases: Bytes) -> None:
    """Set the residues that VRS_States shows; none for a long or empty reference-length state."""
    if row[LITERAL_SIZE] >= 0:
        row[SHOWN], row[SHOWN_SIZE] = row[LITERAL], row[LITERAL_SIZE]
        return
    length = row[LENGTH]
    if length == 0 or length > LONGEST_SHOWN:
        return
    at = cursors[RESIDUES]
    begin = row[START_OF]
    unit = min(row[SUBUNIT], length)
    for k in range(length):
        residues[at + k] = byte(bases, begin + k % unit)
    row[SHOWN], row[SHOWN_SIZE] = at, length
    cursors[RESIDUES] = at + length


@compiled
def place_allele(
    text: Bytes,
    ref: int,
    ref_end: int,
    alt: int,
    alt_end: int,
    bases: Bytes,
    contig: int,
    start: int,
    smallest: bool,
    row: Integers,
    locations: IntegerTable,
    residues: Bytes,
    cursors: Integers,
) -> bool:
    """Normalise the replacement of text[ref:ref_end], at `start`, by text[alt:alt_end].

    False if it rolls further than LONGEST_ROLL.
    """
    ref_size, alt_size = ref_end - ref, alt_end - alt
    if ref_size == 1 and alt_size == 1 and _UPPER[byte(text, ref)] != _UPPER[byte(text, alt)]:
        at = cursors[RESIDUES]
        residues[at] = _UPPER[byte(text, alt)]
        cursors[RESIDUES] = at + 1
        row[KIND], row[LITERAL], row[LITERAL_SIZE] = SNV, at, 1
        locate(row, locations, cursors, contig, start, start + 1)
        return True
    shorter = min(ref_size, alt_size)
    row[CHANGE] = abs(alt_size - ref_size)
    prefix = 0
    while prefix < shorter and _UPPER[byte(text, ref + prefix)] == _UPPER[byte(text, alt + prefix)]:
        prefix += 1
    if prefix == ref_size == alt_size:
        row[KIND] = REFERENCE
        locate(row, locations, cursors, contig, start, start + ref_size)
        row[LENGTH], row[SUBUNIT] = ref_size, ref_size
        return True
    suffix = 0
    while suffix < shorter - prefix:
        if _UPPER[byte(text, ref_end - 1 - suffix)] != _UPPER[byte(text, alt_end - 1 - suffix)]:
            break
        suffix += 1
    begin, end = start + prefix, start + ref_size - suffix
    inserted = alt_size - prefix - suffix
    deleted = end - begin
    if deleted and inserted:
        row[KIND] = DELINS if deleted != inserted else SNV if deleted == 1 else MNV
        locate(row, locations, cursors, contig, begin, end)
        row[LITERAL], row[LITERAL_SIZE] = cursors[RESIDUES], inserted
        add_letters(residues, cursors, text, alt + prefix, inserted)
        return True
    seed = alt + prefix if inserted else ref + prefix
    size = inserted + deleted
    left = rolled_left(bases, begin, text, seed, size)
    right = rolled_right(bases, end, text, seed, size)
    if left > LONGEST_ROLL or right > LONGEST_ROLL:
        return False
    row[KIND] = INSERTION if inserted else DELETION
    locate(row, locations, cursors, contig, begin - left, end + right)
    if deleted:
        row[LENGTH], row[SUBUNIT] = left + right, size
        return True
    subunit = repeat_subunit(text, seed, size, left + right, smallest)
    if subunit:
        row[LENGTH], row[SUBUNIT] = left + right + size, subunit
    else:
        row[LITERAL], row[LITERAL_SIZE] = cursors[RESIDUES], left + size + right
        add_bases(residues, cursors, bases, begin - left, begin)
        add_letters(residues, cursors, text, seed, size)
        add_bases(residues, cursors, bases, end, end + right)
    return True
