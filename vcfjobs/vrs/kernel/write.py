"""The chunk's lines with the VRS fields appended to INFO (the texts are those of vrs/vcf/info.py)."""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Integers, compiled
from vcfjobs.vrs.kernel.lines import BEGIN, COMMA, END, INFO, INFO_END
from vcfjobs.vrs.kernel.messages import put, put_number
from vcfjobs.vrs.kernel.place import END_OF, LENGTH, LOCATION, SHOWN, SHOWN_SIZE, START_OF, SUBUNIT

MISSING = 46  # .
SEMICOLON = 59

IDS = np.frombuffer(b"VRS_Allele_IDs=", np.uint8)
ID = np.frombuffer(b"ga4gh:VA.", np.uint8)
STARTS = np.frombuffer(b";VRS_Starts=", np.uint8)
ENDS = np.frombuffer(b";VRS_Ends=", np.uint8)
STATES = np.frombuffer(b";VRS_States=", np.uint8)
LENGTHS = np.frombuffer(b";VRS_Lengths=", np.uint8)
SUBUNITS = np.frombuffer(b";VRS_RepeatSubunitLengths=", np.uint8)

# What the fields of a record take at most, besides its alleles' states.
RECORD_BYTES = 1 + sum(text.size for text in (IDS, STARTS, ENDS, STATES, LENGTHS, SUBUNITS))
ALLELE_BYTES = 1 + ID.size + 32 + 5 * 15


@compiled
def put_separator(out: Bytes, at: int, k: int) -> int:
    """Write a comma before any allele but the first; the offset behind it."""
    out[at] = COMMA
    return at + 1 if k else at


@compiled
def put_missing(out: Bytes, at: int) -> int:
    """Write the missing value; the offset behind it."""
    out[at] = MISSING
    return at + 1


@compiled
def put_ids(out: Bytes, at: int, alleles: Integers, texts: Bytes) -> int:
    """Write the identifiers; the offset behind them."""
    at = put(out, at, IDS)
    for k in range(len(alleles)):
        at = put_separator(out, at, k)
        without_id = alleles[k, LOCATION] < 0
        at = put_missing(out, at) if without_id else put(out, put(out, at, ID), texts[k])
    return at


@compiled
def put_numbers(out: Bytes, at: int, name: Bytes, alleles: Integers, column: int) -> int:
    """Write a field of one number per allele; the offset behind it."""
    at = put(out, at, name)
    for k in range(len(alleles)):
        at = put_separator(out, at, k)
        number = alleles[k, column]
        at = put_missing(out, at) if number < 0 else put_number(out, at, number)
    return at


@compiled
def put_states(out: Bytes, at: int, alleles: Integers, residues: Bytes) -> int:
    """Write the states as residues; the offset behind them."""
    at = put(out, at, STATES)
    for k in range(len(alleles)):
        at = put_separator(out, at, k)
        shown = alleles[k, SHOWN]
        if shown < 0:
            at = put_missing(out, at)
        else:
            at = put(out, at, residues[shown : shown + alleles[k, SHOWN_SIZE]])
    return at


@compiled
def put_fields(
    out: Bytes, at: int, alleles: Integers, texts: Bytes, residues: Bytes, attributes: bool
) -> int:
    """Write the VRS fields of one record with these alleles; the offset behind them."""
    at = put_ids(out, at, alleles, texts)
    if attributes:
        at = put_numbers(out, at, STARTS, alleles, START_OF)
        at = put_numbers(out, at, ENDS, alleles, END_OF)
        at = put_states(out, at, alleles, residues)
        at = put_numbers(out, at, LENGTHS, alleles, LENGTH)
        at = put_numbers(out, at, SUBUNITS, alleles, SUBUNIT)
    return at


@compiled
def write(
    text: Bytes,
    records: Integers,
    count: int,
    ends: Integers,
    odd: Integers,
    alleles: Integers,
    texts: Bytes,
    residues: Bytes,
    attributes: bool,
    out: Bytes,
    gaps: Integers,
) -> int:
    """Write the chunk without its odd lines, whose offsets in `out` are put into `gaps`; the size."""
    at = copied = first = odd_lines = 0
    for number in range(count):
        record = records[number]
        last = ends[number]
        if odd[number]:
            at = put(out, at, text[copied : record[BEGIN]])
            copied = record[END]
            gaps[odd_lines] = at
            odd_lines += 1
        elif last > first:
            if record[INFO_END] - record[INFO] == 1 and text[record[INFO]] == MISSING:
                at = put(out, at, text[copied : record[INFO]])
            else:
                at = put(out, at, text[copied : record[INFO_END]])
                out[at] = SEMICOLON
                at += 1
            copied = record[INFO_END]
            at = put_fields(out, at, alleles[first:last], texts[first:last], residues, attributes)
        first = last
    return put(out, at, text[copied:])
