"""Join the tabix indexes of parts, so that the joined file need not be read again.

The format is that of the tabix specification (tabix.pdf of hts-specs): for each sequence the bins with
their chunks of virtual offsets, and a linear index of 16 kb windows. A virtual offset is the compressed
offset of a block, shifted by 16 bits, plus the offset within the block; moving a part changes only the
former.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MAGIC = b"TBI\x01"
# A pseudo-bin: its two chunks are the extent of the sequence's records, and their numbers.
SUMMARY_BIN = 37_450
_HEAD = struct.Struct("<4si6ii")
_INT = struct.Struct("<i")
_BIN = struct.Struct("<Ii")

Chunks = list[tuple[int, int]]


@dataclass
class SequenceIndex:
    """The index of one sequence: chunks of virtual offsets per bin, and the first offset per window."""

    bins: dict[int, Chunks] = field(default_factory=dict)
    windows: array[int] = field(default_factory=lambda: array("Q"))

    def append(self, later: SequenceIndex, moved: int) -> None:
        """Add the records of a later part, whose bins are moved already and whose windows are not.

        Windows that the earlier part has keep their offsets, which are the smaller ones.
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
    """An index; `configuration` is as read: format, columns, comment character, lines to skip."""

    configuration: tuple[int, ...]
    sequences: dict[bytes, SequenceIndex]

    @classmethod
    def parse(cls, data: bytes, compressed_offset: int = 0) -> TabixIndex:
        """The index of a part that begins at `compressed_offset` of the whole; `data` is decompressed.

        Its windows are not moved: `append` moves the few that it needs.
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
        without_place = bytes(8)  # the number of records without coordinates: 0
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
        fixed = 1 if number == SUMMARY_BIN else 0  # its last chunk has two numbers, not offsets
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
    """The index of concatenated parts: each is (its decompressed index, its compressed offset)."""
    whole: TabixIndex | None = None
    for data, compressed_offset in parts:
        part = TabixIndex.parse(data, compressed_offset)
        whole = whole or TabixIndex(part.configuration, {})
        whole.append(part, compressed_offset)
    if whole is None:
        raise ValueError("no parts")
    return whole.to_bytes()
