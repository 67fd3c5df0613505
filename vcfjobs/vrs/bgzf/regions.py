"""Where a tabix index says that the records of a region lie.

The format is that of the tabix specification (tabix.pdf of hts-specs). Of an index only the bins and the
window of the region are read; the others are stepped over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from vcfjobs.vrs.bgzf.tabix import MAGIC, SUMMARY_BIN

# The bases that an index covers, those of the smallest bins and windows, and how bins are nested.
LONGEST_SEQUENCE = 1 << 29
WINDOW_SHIFT = 14
_LEVELS = ((0, 29), (1, 26), (9, 23), (73, 20), (585, 17), (4681, 14))
_HEAD = struct.Struct("<4s8i")
_INT = struct.Struct("<i")
_BIN = struct.Struct("<Ii")
_OFFSET = struct.Struct("<Q")

Span = tuple[int, int]


def spans_of(index: bytes, names: Iterable[bytes], start: int, end: int) -> list[Span]:
    """Spans [from, to) of virtual offsets, ascending, that hold every record overlapping [start, end).

    `index` is decompressed. The sequence is the first of `names` that it has; without one there is no span.
    Raises ValueError when it is no tabix index.
    """
    magic, _, *_, names_size = _HEAD.unpack_from(index)
    if magic != MAGIC:
        raise ValueError("no tabix index")
    at = _HEAD.size + names_size
    sequences = index[_HEAD.size : at].split(b"\0")
    name = next((name for name in names if name in sequences), None)
    if name is None or start >= LONGEST_SEQUENCE:
        return []
    for _ in range(sequences.index(name)):
        at = _after_windows(index, _after_bins(index, at))
    spans = _spans_of_bins(index, at, _bins_over(start, min(end, LONGEST_SEQUENCE)))
    first = _first_offset(index, _after_bins(index, at), start)
    return _merged((max(begin, first), stop) for begin, stop in sorted(spans) if stop > first)


def _bins_over(start: int, end: int) -> set[int]:
    """The numbers of the bins that overlap [start, end)."""
    levels = (range(first + (start >> shift), first + ((end - 1) >> shift) + 1) for first, shift in _LEVELS)
    return {number for level in levels for number in level}


def _spans_of_bins(index: bytes, at: int, wanted: set[int]) -> list[Span]:
    spans: list[Span] = []
    (bins,) = _INT.unpack_from(index, at)
    at += _INT.size
    for _ in range(bins):
        number, count = _BIN.unpack_from(index, at)
        at += _BIN.size
        if number in wanted and number != SUMMARY_BIN:
            offsets = struct.unpack_from(f"<{2 * count}Q", index, at)
            spans += zip(offsets[0::2], offsets[1::2], strict=True)
        at += 16 * count
    return spans


def _first_offset(index: bytes, at: int, start: int) -> int:
    """Where the first record that overlaps the window of `start` begins, or an earlier one."""
    (windows,) = _INT.unpack_from(index, at)
    window = min(start >> WINDOW_SHIFT, windows - 1)
    return int(_OFFSET.unpack_from(index, at + _INT.size + 8 * window)[0]) if windows else 0


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch, or lie in one block of each other, in one."""
    merged: list[Span] = []
    for begin, stop in spans:
        if merged and begin >> 16 <= merged[-1][1] >> 16:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((begin, stop))
    return merged


def _after_bins(index: bytes, at: int) -> int:
    unpack_from = _INT.unpack_from  # a genome has 190,000 bins
    (bins,) = unpack_from(index, at)
    at += _INT.size
    for _ in range(bins):
        at += 8 + 16 * unpack_from(index, at + 4)[0]  # a bin's number and count, and its chunks
    return at


def _after_windows(index: bytes, at: int) -> int:
    return at + _INT.size + 8 * int(_INT.unpack_from(index, at)[0])
