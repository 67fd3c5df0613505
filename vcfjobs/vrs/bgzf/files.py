"""BGZF files: blocks written, and random access to what they hold through a block index."""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from vcfjobs.vrs.bgzf.blocks import (
    BLOCK_BYTES,
    END_BLOCK,
    MAX_BLOCK_BYTES,
    DamagedStreamError,
    deflate,
    inflate,
    parse_header,
)

_COUNT = struct.Struct("<Q")


class Sink(Protocol):
    """What a writer writes to."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


@dataclass
class BlockIndex:
    """Where each data block starts: compressed and uncompressed offsets, ascending, the first both 0."""

    compressed: array[int] = field(default_factory=lambda: array("Q", [0]))
    uncompressed: array[int] = field(default_factory=lambda: array("Q", [0]))

    def add(self, compressed: int, uncompressed: int) -> None:
        """Note the start of a further block."""
        self.compressed.append(compressed)
        self.uncompressed.append(uncompressed)

    def write(self, file: Sink) -> None:
        """Write htslib's .gzi: a count, then pairs of offsets as little-endian uint64; block one implied."""
        count = len(self.compressed) - 1
        pairs = array("Q", bytes(16 * count))
        pairs[0::2], pairs[1::2] = self.compressed[1:], self.uncompressed[1:]
        if sys.byteorder == "big":
            pairs.byteswap()
        file.write(_COUNT.pack(count) + pairs.tobytes())


def read_gzi(file: BinaryIO) -> BlockIndex:
    """Read htslib's .gzi. Raises DamagedStreamError when it is cut."""
    head = file.read(_COUNT.size)
    body = file.read()
    if len(head) != _COUNT.size or len(body) != 16 * _COUNT.unpack(head)[0]:
        raise DamagedStreamError("The block index is damaged.")
    numbers = array("Q", body)  # not by way of Python's integers, of which a genome's index has millions
    if sys.byteorder == "big":
        numbers.byteswap()
    return BlockIndex(array("Q", [0]) + numbers[0::2], array("Q", [0]) + numbers[1::2])


def join_indexes(parts: Iterable[tuple[BlockIndex, int, int]]) -> BlockIndex:
    """The index of parts set on end: of each its own index, and its compressed and uncompressed bytes."""
    whole = BlockIndex()
    compressed = uncompressed = 0
    for index, size, text_size in parts:
        if text_size:
            first = 0 if uncompressed else 1  # the first block of the whole is implied
            whole.compressed.extend(at + compressed for at in index.compressed[first:])
            whole.uncompressed.extend(at + uncompressed for at in index.uncompressed[first:])
        compressed += size
        uncompressed += text_size
    return whole


class BgzfWriter:
    """Writes BGZF to `sink`; blocks end where the bytes say, however the writes cut them."""

    def __init__(self, sink: Sink, level: int = 1) -> None:
        self._sink = sink
        self._level = level
        self._pending = bytearray()
        self._closed = False
        self.index = BlockIndex()
        self._flushed = 0  # uncompressed bytes in finished blocks
        self.compressed_length = 0

    @property
    def uncompressed_length(self) -> int:
        """Bytes written so far."""
        return self._flushed + len(self._pending)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take `data`; full blocks go to the sink at once."""
        rest = memoryview(data)
        blocks: list[bytes] = []
        if self._pending:
            take = BLOCK_BYTES - len(self._pending)
            self._pending += rest[:take]
            rest = rest[take:]
            if len(self._pending) < BLOCK_BYTES:
                return
            blocks.append(self._block(self._pending))
        full = len(rest) - len(rest) % BLOCK_BYTES
        blocks += [self._block(rest[at : at + BLOCK_BYTES]) for at in range(0, full, BLOCK_BYTES)]
        self._pending = bytearray(rest[full:])
        if blocks:
            self._sink.write(b"".join(blocks))

    def close(self) -> None:
        """Write what is pending and the end block; the sink stays open. Closing again does nothing."""
        if self._closed:
            return
        self.close_part()
        self._sink.write(END_BLOCK)
        self.compressed_length += len(END_BLOCK)

    def close_part(self) -> None:
        """Write what is pending and no end block, for a part of a file; the sink stays open."""
        self._closed = True
        if self._pending:
            self._sink.write(self._block(self._pending))
            self._pending = bytearray()

    def write_index(self, file: Sink) -> None:
        """Write the .gzi of the closed file."""
        self.index.write(file)

    def _block(self, plain: bytearray | memoryview) -> bytes:
        if self._flushed:
            self.index.add(self.compressed_length, self._flushed)
        block = deflate(plain, self._level)
        self._flushed += len(plain)
        self.compressed_length += len(block)
        return block


class BgzfReader:
    """Random access to the uncompressed bytes of a seekable BGZF file through its block index."""

    def __init__(self, file: BinaryIO, index: BlockIndex) -> None:
        self._file = file
        self._index = index

    def read_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the uncompressed bytes [start, stop) block by block; less where the file ends before.

        Raises DamagedStreamError.
        """
        number = bisect_right(self._index.uncompressed, start) - 1
        at = self._index.uncompressed[number]
        self._file.seek(self._index.compressed[number])
        while at < stop and (plain := self._read_block()):
            piece = plain[max(start - at, 0) : stop - at]
            at += len(plain)
            if piece:
                yield piece

    def _read_block(self) -> bytes:
        """The next block's bytes; b"" at the end of the file and for the end block."""
        offset = self._file.tell()
        data = self._file.read(MAX_BLOCK_BYTES)
        header = parse_header(data)
        if not data:
            return b""
        if header is None or header.size > len(data):
            raise DamagedStreamError("The stored file is damaged: a BGZF block is cut off.")
        self._file.seek(offset + header.size)
        return inflate(memoryview(data)[: header.size], header)
