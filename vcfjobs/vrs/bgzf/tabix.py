"""Set the tabix indexes of parts on end, so that a file need not be read once more when they are joined.

The format is that of the tabix specification (tabix.pdf of hts-specs): for each sequence the bins with
their chunks of virtual offsets, and a linear index of 16 kb windows. A virtual offset is the compressed
offset of a block, shifted by 16 bits, and the place in it; moving a part moves the first alone.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAGIC = b"TBI\x01"
# The bin that holds no records but, as two chunks, the extent and the numbers of the sequence's records.
SUMMARY_BIN = 37_450
_HEAD = struct.Struct("<4si6ii")
_INT = struct.Struct("<i")
_BIN = struct.Struct("<Ii")

Chunks = list[tuple[int, int]]


@dataclass
class SequenceIndex:
    """What is known of one sequence: chunks of virtual offsets a bin, and the first offset a window."""

    bins: dict[int, Chunks] = field(default_factory=dict)
    windows: array[int] = field(default_factory=lambda: array("Q"))

    def append(self, later: SequenceIndex, moved: int) -> None:
        """Add the records of a later part, whose windows are still to be moved.

        Windows that the earlier part reaches keep its offsets: they are the smaller ones.
        """
        for number, chunks in later.bins.items():
            mine = self.bins.setdefault(number, [])
            if number == SUMMARY_BIN and mine:
                (begin, _), (mapped, unmapped) = mine
                (_, end), (more_mapped, more_unmapped) = chunks
                mine[:] = [(begin, end), (mapped + more_mapped, unmapped + more_unmapped)]
            else:
                mine += chunks
        self.windows.extend(offset + moved for offset in later.windows[len(self.windows) :])


@dataclass
class TabixIndex:
    """An index: its configuration as it came (format, columns, comment character, lines to skip)."""

    configuration: tuple[int, ...]
    sequences: dict[bytes, SequenceIndex]

    @classmethod
    def parse(cls, data: bytes, compressed_offset: int = 0) -> TabixIndex:
        """The index of a part that begins at `compressed_offset` of the whole; `data` is decompressed.

        Its windows are as they came: `append` moves those that it needs, which are few.
        """
        magic, count, *configuration, names_size = _HEAD.unpack_from(data)
        if magic != MAGIC:
            raise ValueError("no tabix index")
        at = _HEAD.size + names_size
        names = data[_HEAD.size : at].split(b"\0")[:count]
        moved = compressed_offset << 16
        sequences = {}
        for name in names:
            sequences[name], at = _parse_sequence(data, at, moved)
        return cls(tuple(configuration), sequences)

    def append(self, later: TabixIndex, compressed_offset: int) -> None:
        """Add the index of the part that follows, which begins at `compressed_offset`."""
        for name, index in later.sequences.items():
            self.sequences.setdefault(name, SequenceIndex()).append(index, compressed_offset << 16)

    def to_bytes(self) -> bytes:
        """The index as the file holds it, before compression."""
        names = b"".join(name + b"\0" for name in self.sequences)
        head = _HEAD.pack(MAGIC, len(self.sequences), *self.configuration, len(names))
        without_place = bytes(8)  # how many records have no place: none
        return b"".join([head, names, *self._pack_sequences(), without_place])

    def _pack_sequences(self) -> Iterator[bytes]:
        for index in self.sequences.values():
            yield _INT.pack(len(index.bins))
            for number, chunks in index.bins.items():
                yield _BIN.pack(number, len(chunks))
                yield struct.pack(f"<{2 * len(chunks)}Q", *(offset for chunk in chunks for offset in chunk))
            yield _INT.pack(len(index.windows))
            yield _little_endian(index.windows).tobytes()


def _parse_sequence(data: bytes, at: int, moved: int) -> tuple[SequenceIndex, int]:
    index = SequenceIndex()
    (bins,) = _INT.unpack_from(data, at)
    at += _INT.size
    for _ in range(bins):
        number, count = _BIN.unpack_from(data, at)
        at += _BIN.size
        offsets = array("Q", struct.unpack_from(f"<{2 * count}Q", data, at))
        at += 16 * count
        chunks = list(zip(offsets[0::2], offsets[1::2], strict=True))
        fixed = 1 if number == SUMMARY_BIN else 0  # its last chunk is two numbers, no offsets
        index.bins[number] = [
            (begin + moved, end + moved) for begin, end in chunks[: len(chunks) - fixed]
        ] + chunks[len(chunks) - fixed :]
    (windows,) = _INT.unpack_from(data, at)
    at += _INT.size
    index.windows = _little_endian(array("Q", data[at : at + 8 * windows]))
    return index, at + 8 * windows


def _little_endian(offsets: array[int]) -> array[int]:
    if sys.byteorder == "big":
        offsets = array("Q", offsets)
        offsets.byteswap()
    return offsets


def join_tabix(parts: Iterable[tuple[bytes, int]]) -> bytes:
    """The index of parts set on end: of each its own index, decompressed, and where it begins."""
    whole: TabixIndex | None = None
    for data, compressed_offset in parts:
        part = TabixIndex.parse(data, compressed_offset)
        whole = whole or TabixIndex(part.configuration, {})
        whole.append(part, compressed_offset)
    if whole is None:
        raise ValueError("no parts")
    return whole.to_bytes()
