"""Write the chunk's lines with the VRS fields appended to INFO, as vrs/vcf/info.py does."""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, ByteTable, Integers, IntegerTable, compiled, copy, entry
from vcfjobs.vrs.kernel.lines import BEGIN, COMMA, END, INFO, INFO_END
from vcfjobs.vrs.kernel.tables import END_OF, LENGTH, LOCATION, SHOWN, SHOWN_SIZE, START_OF, SUBUNIT
from vcfjobs.vrs.kernel.text import put_number

MISSING = 46  # .
SEMICOLON = 59

# Short texts are copied as one vector of 32 bytes; what follows overwrites the surplus.
WIDTH = 32


def _name(text: bytes) -> Bytes:
    return np.frombuffer(text.ljust(WIDTH, b"\0"), np.uint8)


_IDS, _ID = b"VRS_Allele_IDs=", b"ga4gh:VA."
_NAMES = (b";VRS_Starts=", b";VRS_Ends=", b";VRS_States=", b";VRS_Lengths=", b";VRS_RepeatSubunitLengths=")
IDS, ID = _name(_IDS), _name(_ID)
STARTS, ENDS, STATES, LENGTHS, SUBUNITS = map(_name, _NAMES)
IDS_SIZE, ID_SIZE = len(_IDS), len(_ID)
STARTS_SIZE, ENDS_SIZE, STATES_SIZE, LENGTHS_SIZE, SUBUNITS_SIZE = map(len, _NAMES)

# The most bytes that the fields of a record take, without the states of its alleles.
RECORD_BYTES = 1 + IDS_SIZE + sum(map(len, _NAMES))
ALLELE_BYTES = 1 + ID_SIZE + 32 + 5 * 15


@compiled
def put_short(out: Bytes, at: int, text: Bytes, size: int) -> int:
    """Write the first `size` bytes of a text of WIDTH bytes; returns the offset after them."""
    copy(out, at, text, 0, WIDTH)
    return at + size


@compiled
def put_stretch(out: Bytes, at: int, text: Bytes, begin: int, end: int) -> int:
    """Write text[begin:end]; returns the offset after it."""
    copy(out, at, text, begin, end - begin)
    return at + end - begin


@compiled
def put_separator(out: Bytes, at: int, k: int) -> int:
    """Write a comma before any allele but the first; returns the offset after it."""
    out[at] = COMMA
    return at + 1 if k else at


@compiled
def put_missing(out: Bytes, at: int) -> int:
    """Write the missing value; returns the offset after it."""
    out[at] = MISSING
    return at + 1


@compiled
def put_ids(out: Bytes, at: int, alleles: IntegerTable, texts: ByteTable) -> int:
    """Write the identifiers; returns the offset after them."""
    at = put_short(out, at, IDS, IDS_SIZE)
    for k in range(len(alleles)):
        at = put_separator(out, at, k)
        without_id = alleles[k, LOCATION] < 0
        at = (
            put_missing(out, at)
            if without_id
            else put_short(out, put_short(out, at, ID, ID_SIZE), texts[k], WIDTH)
        )
    return at


@compiled
def put_numbers(out: Bytes, at: int, alleles: IntegerTable, column: int) -> int:
    """Write one number per allele; returns the offset after them."""
    for k in range(len(alleles)):
        at = put_separator(out, at, k)
        number = alleles[k, column]
        at = put_missing(out, at) if number < 0 else put_number(out, at, number)
    return at


@compiled
def put_states(out: Bytes, at: int, alleles: IntegerTable, residues: Bytes) -> int:
    """Write the states as residues; returns the offset after them."""
    at = put_short(out, at, STATES, STATES_SIZE)
    for k in range(len(alleles)):
        at = put_separator(out, at, k)
        shown = alleles[k, SHOWN]
        if shown < 0:
            at = put_missing(out, at)
        else:
            at = put_stretch(out, at, residues, shown, shown + alleles[k, SHOWN_SIZE])
    return at


@compiled
def put_fields(
    out: Bytes, at: int, alleles: IntegerTable, texts: ByteTable, residues: Bytes, attributes: bool
) -> int:
    """Write the VRS fields of one record with these alleles; returns the offset after them."""
    at = put_ids(out, at, alleles, texts)
    if attributes:
        at = put_numbers(out, put_short(out, at, STARTS, STARTS_SIZE), alleles, START_OF)
        at = put_numbers(out, put_short(out, at, ENDS, ENDS_SIZE), alleles, END_OF)
        at = put_states(out, at, alleles, residues)
        at = put_numbers(out, put_short(out, at, LENGTHS, LENGTHS_SIZE), alleles, LENGTH)
        at = put_numbers(out, put_short(out, at, SUBUNITS, SUBUNITS_SIZE), alleles, SUBUNIT)
    return at


@entry
def write(
    text: Bytes,
    records: IntegerTable,
    count: int,
    ends: Integers,
    odd: Integers,
    alleles: IntegerTable,
    texts: ByteTable,
    residues: Bytes,
    attributes: bool,
    out: Bytes,
    gaps: Integers,
) -> int:
    """Write the chunk without its odd lines, and their offsets in `out` into `gaps`; returns the size.

    `out` has room for WIDTH more bytes.
    """
    at = copied = first = odd_lines = 0
    for number in range(count):
        record = records[number]
        last = ends[number]
        if odd[number]:
            at = put_stretch(out, at, text, copied, record[BEGIN])
            copied = record[END]
            gaps[odd_lines] = at
            odd_lines += 1
        elif last > first:
            if record[INFO_END] - record[INFO] == 1 and text[record[INFO]] == MISSING:
                at = put_stretch(out, at, text, copied, record[INFO])
            else:
                at = put_stretch(out, at, text, copied, record[INFO_END])
                out[at] = SEMICOLON
                at += 1
            copied = record[INFO_END]
            at = put_fields(out, at, alleles[first:last], texts[first:last], residues, attributes)
        first = last
    return put_stretch(out, at, text, copied, text.size)
