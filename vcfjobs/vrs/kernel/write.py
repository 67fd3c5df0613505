"""The chunk's lines with the VRS fields appended to INFO (the texts are those of vrs/vcf/info.py)."""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Integers, compiled
from vcfjobs.vrs.kernel.lines import BEGIN, COMMA, END, INFO, INFO_END
from vcfjobs.vrs.kernel.messages import put, put_number
from vcfjobs.vrs.kernel.place import (
    LENGTH,
    LITERAL_SIZE,
    LOCATION,
    LOCATION_END,
    LOCATION_START,
    SHOWN,
    SHOWN_SIZE,
    SUBUNIT,
)

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
def put_missing(out: Bytes, at: int) -> int:
    """Write the missing value; the offset behind it."""
    out[at] = MISSING
    return at + 1


@compiled
def put_fields(
    out: Bytes,
    at: int,
    alleles: Integers,
    texts: Bytes,
    locations: Integers,
    residues: Bytes,
    attributes: bool,
) -> int:
    """Write the VRS fields of one record with these alleles; the offset behind them."""
    at = put(out, at, IDS)
    for k in range(len(alleles)):
        if k:
            out[at] = COMMA
            at += 1
        if alleles[k, LOCATION] < 0:
            at = put_missing(out, at)
        else:
            at = put(out, put(out, at, ID), texts[k])
    if not attributes:
        return at
    at = put(out, at, STARTS)
    for k in range(len(alleles)):
        if k:
            out[at] = COMMA
            at += 1
        location = alleles[k, LOCATION]
        at = (
            put_missing(out, at) if location < 0 else put_number(out, at, locations[location, LOCATION_START])
        )
    at = put(out, at, ENDS)
    for k in range(len(alleles)):
        if k:
            out[at] = COMMA
            at += 1
        location = alleles[k, LOCATION]
        at = put_missing(out, at) if location < 0 else put_number(out, at, locations[location, LOCATION_END])
    at = put(out, at, STATES)
    for k in range(len(alleles)):
        if k:
            out[at] = COMMA
            at += 1
        if alleles[k, LOCATION] < 0 or alleles[k, SHOWN_SIZE] == 0:
            at = put_missing(out, at)
        else:
            shown = alleles[k, SHOWN]
            at = put(out, at, residues[shown : shown + alleles[k, SHOWN_SIZE]])
    at = put(out, at, LENGTHS)
    for k in range(len(alleles)):
        if k:
            out[at] = COMMA
            at += 1
        if alleles[k, LOCATION] < 0 or alleles[k, LITERAL_SIZE] >= 0:
            at = put_missing(out, at)
        else:
            at = put_number(out, at, alleles[k, LENGTH])
    at = put(out, at, SUBUNITS)
    for k in range(len(alleles)):
        if k:
            out[at] = COMMA
            at += 1
        if alleles[k, LOCATION] < 0 or alleles[k, LITERAL_SIZE] >= 0:
            at = put_missing(out, at)
        else:
            at = put_number(out, at, alleles[k, SUBUNIT])
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
    locations: Integers,
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
            at = put_fields(out, at, alleles[first:last], texts[first:last], locations, residues, attributes)
        first = last
    return put(out, at, text[copied:])
