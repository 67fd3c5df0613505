"""A chunk of VCF text as columns of numbers: where each record's fields begin and end.

Nothing is copied: all numbers are offsets in bytes from the chunk's start.
"""

from __future__ import annotations

import numpy as np

from vcfjobs.vrs.kernel.compiled import Bytes, Integers, Words, compiled

# Columns of a record. START is POS - 1; an _END is the offset behind the field's last byte.
BEGIN, CHROM_END, START, REF, REF_END, ALT, ALT_END, INFO, INFO_END, END = range(10)
COLUMNS = 10

# How a chunk was split: records, stretches of one contig, an upper bound of its alleles.
RECORDS, STRETCHES, ALLELES, MALFORMED = range(4)

TAB, NEWLINE = 9, 10
COMMA = 44
ZERO, NINE = 48, 57
LONGEST_POS = 13
LARGEST_START = 1 << 40
_NEWLINES = np.uint64(0x0A0A0A0A0A0A0A0A)
_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)


@compiled
def field_end(text: Bytes, at: int) -> int:
    """The offset of the tab or line end that ends the field which begins at `at`."""
    while at < text.size and text[at] != TAB and text[at] != NEWLINE:
        at += 1
    return at


@compiled
def line_end(text: Bytes, words: Words, at: int) -> int:
    """The offset of the next line end; `words` are the same bytes, eight by eight."""
    while at & 7 and at < text.size:
        if text[at] == NEWLINE:
            return at
        at += 1
    while at + 8 <= text.size:
        word = words[at >> 3] ^ _NEWLINES
        if (word - _ONES) & ~word & _HIGHS:
            break
        at += 8
    while at < text.size and text[at] != NEWLINE:
        at += 1
    return at


@compiled
def split(text: Bytes, words: Words, records: Integers, stretches: Integers, found: Integers) -> None:
    """Fill `records` (a row each, blank lines left out) and the first record of each stretch of one contig.

    `found` says how many there are of each. Stops at the first line that may be no record, with MALFORMED
    set: whether it is one is for the pure engine to say.
    """
    found[:] = 0
    found[MALFORMED] = 1
    size = text.size
    count = stretch_count = alleles = 0
    name, name_size = 0, -1
    at = 0
    while at < size:
        if text[at] == NEWLINE:
            at += 1
            continue
        row = records[count]
        row[BEGIN] = at
        end = field_end(text, at)
        row[CHROM_END] = end
        same = end - at == name_size
        k = 0
        while same and k < name_size:
            same = text[at + k] == text[name + k]
            k += 1
        if not same:
            name, name_size = at, end - at
            stretches[stretch_count] = count
            stretch_count += 1
        if end == size or text[end] != TAB:
            return
        # POS
        at = end + 1
        position = 0
        end = at
        while end < size and ZERO <= text[end] <= NINE:
            position = 10 * position + (text[end] - ZERO)
            end += 1
            if end - at > LONGEST_POS:
                return
        if end == at or end == size or text[end] != TAB or position > LARGEST_START:
            return
        row[START] = position - 1
        # ID
        end = field_end(text, end + 1)
        if end == size or text[end] != TAB:
            return
        row[REF] = end + 1
        end = field_end(text, end + 1)
        if end == size or text[end] != TAB:
            return
        row[REF_END] = end
        row[ALT] = end + 1
        end = end + 1
        while end < size and text[end] != TAB and text[end] != NEWLINE:
            if text[end] == COMMA:
                alleles += 1
            end += 1
        if end == size or text[end] != TAB:
            return
        row[ALT_END] = end
        alleles += 2
        # QUAL, FILTER
        end = field_end(text, end + 1)
        if end == size or text[end] != TAB:
            return
        end = field_end(text, end + 1)
        if end == size or text[end] != TAB:
            return
        row[INFO] = end + 1
        end = field_end(text, end + 1)
        row[INFO_END] = end
        if end < size and text[end] == TAB:
            end = line_end(text, words, end + 1)
        row[END] = end
        at = end + 1
        count += 1
    found[RECORDS], found[STRETCHES], found[ALLELES], found[MALFORMED] = count, stretch_count, alleles, 0
