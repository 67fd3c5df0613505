"""A chunk of VCF text as columns of numbers: where the fields of each record begin and end.

Nothing is copied. Offsets are in bytes from the start of the chunk.
"""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Integers, IntegerTable, Words, byte, compiled, entry

# Columns of a record. START is POS - 1; an _END is the offset after the last byte of the field.
BEGIN, CHROM_END, START, REF, REF_END, ALT, ALT_END, INFO, INFO_END, END = range(10)
COLUMNS = 10

# How a chunk was split: records, stretches of one contig, an upper bound of its alleles.
RECORDS, STRETCHES, ALLELES, MALFORMED = range(4)

TAB, NEWLINE, CARRIAGE_RETURN = 9, 10, 13
COMMA = 44
ZERO, NINE = 48, 57
LONGEST_POS = 13
LARGEST_START = 1 << 40
# A record has at least seven tabs, a digit and a line end.
SHORTEST = 9
# What ends INFO; a carriage return; the last character of VRS_.
_STOPS = np.array([chr(byte) in "\t\n\r_" for byte in range(256)])
_NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)


@compiled
def field_end(text: Bytes, at: int) -> int:
    """The offset of the tab or line end that ends the field which begins at `at`."""
    while at < text.size and byte(text, at) != TAB and byte(text, at) != NEWLINE:
        at += 1
    return at


@compiled
def line_end(text: Bytes, words: Words, at: int) -> int:
    """The offset of the next line end; `words` are the same bytes, eight by eight."""
    while at & 7 and at < text.size:
        if byte(text, at) == NEWLINE:
            return at
        at += 1
    while at + 8 <= text.size:
        word = words[at >> 3] ^ _NEWLINES
        if (word - _ONES) & ~word & _HIGHS:
            break
        at += 8
    while at < text.size and byte(text, at) != NEWLINE:
        at += 1
    return at


@compiled
def info_end(text: Bytes, at: int, odd: Integers) -> int:
    """The end of the INFO field that begins at `at`; sets odd[0] if it may contain older VRS fields."""
    while True:
        while at < text.size and not _STOPS[byte(text, at)]:
            at += 1
        if at == text.size or byte(text, at) == TAB or byte(text, at) == NEWLINE:
            return at
        if byte(text, at) == CARRIAGE_RETURN or byte(text, at - 1) == ord("S"):  # VRS_
            odd[0] = 1
        at += 1


@compiled
def same_bytes(text: Bytes, one: int, other: int, size: int) -> bool:
    """Whether two stretches of the text are the same."""
    k = 0
    while k < size and byte(text, one + k) == byte(text, other + k):
        k += 1
    return k == size


@compiled
def position(text: Bytes, begin: int, end: int) -> int:
    """The POS in text[begin:end]; -1 if it is not a number, or larger than any contig."""
    if end == begin or end - begin > LONGEST_POS:
        return -1
    number = 0
    for at in range(begin, end):
        if not ZERO <= byte(text, at) <= NINE:
            return -1
        number = 10 * number + (byte(text, at) - ZERO)
    return number if number <= LARGEST_START else -1


@compiled
def set_columns(text: Bytes, row: Integers) -> bool:
    """Set the columns of the record that begins at row[BEGIN], up to the begin of INFO.

    False if it is not a record.
    """
    end = row[CHROM_END]
    if end == text.size or byte(text, end) != TAB:
        return False
    begin = end + 1
    end = field_end(text, begin)
    number = position(text, begin, end)
    row[START] = number - 1
    for column in range(2, 7):
        if end >= text.size or byte(text, end) != TAB:
            return False
        begin = end + 1
        end = field_end(text, begin)
        if column == 3:
            row[REF], row[REF_END] = begin, end
        elif column == 4:
            row[ALT], row[ALT_END] = begin, end
    row[INFO] = end + 1
    return number >= 0 and end < text.size and byte(text, end) == TAB


@entry
def split(
    text: Bytes, words: Words, records: IntegerTable, stretches: Integers, odd: Integers, found: Integers
) -> None:
    """Fill `records`, a row per record, and `stretches`, the first record of each stretch of one contig.

    `odd` becomes 1 if INFO may contain older VRS fields or a carriage return. `found` gets the numbers of
    records, stretches and alleles. Stops at the first line that may not be a record, with MALFORMED set; the
    pure engine decides whether it is one. Blank lines are skipped.
    """
    found[:] = 0
    count = 0
    name, name_size = 0, -1
    at = 0
    while at < text.size:
        if byte(text, at) == NEWLINE:
            at += 1
            continue
        row = records[count]
        row[BEGIN] = at
        row[CHROM_END] = field_end(text, at)
        size = row[CHROM_END] - at
        if size != name_size or not same_bytes(text, at, name, size):
            name, name_size = at, size
            stretches[found[STRETCHES]] = count
            found[STRETCHES] += 1
        if not set_columns(text, row):
            found[MALFORMED] = 1
            return
        found[ALLELES] += 2
        for k in range(row[ALT], row[ALT_END]):
            if byte(text, k) == COMMA:
                found[ALLELES] += 1
        odd[count] = 0
        end = info_end(text, row[INFO], odd[count:])
        row[INFO_END] = end
        if end < text.size and byte(text, end) == TAB:
            end = line_end(text, words, end + 1)
        row[END] = end
        at = end + 1
        count += 1
    found[RECORDS] = count
