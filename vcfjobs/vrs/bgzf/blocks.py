"""One BGZF block: its header, its raw deflate data, its checksum (SAM specification, section 4.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from isal import igzip_lib, isal_zlib

from vcfjobs.errors import InvalidVcfError

# The uncompressed bytes of a full block: as many as htslib takes, so that any block fits into 64 KiB.
BLOCK_BYTES = 65_280
MAX_BLOCK_BYTES = 65_536
END_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
GZIP_MAGIC = b"\x1f\x8b\x08"
HEADER_BYTES = 18
TRAILER_BYTES = 8
# A block costs as much time as thousands of bytes: more of them than this in a row that hold next to nothing
# are no file that anybody wrote to be read.
TINY_BLOCKS = 10_000
TINY_BYTES = 64

TINY_SENTENCE = "The file is damaged: thousands of its BGZF blocks in a row hold next to nothing."
TINY_MEMBERS = "The file is damaged: thousands of its gzip members in a row hold next to nothing."

_FIXED = struct.Struct("<4s4xxxH4sH")  # magic and flags, (mtime, xfl, os), xlen, first subfield, BSIZE - 1
_SUBFIELD = struct.Struct("<2sH")
_BSIZE = struct.Struct("<H")
_TRAILER = struct.Struct("<II")  # CRC32 and length of the uncompressed bytes
_MAGIC = b"\x1f\x8b\x08\x04"
_BC = b"BC\x02\x00"
_HEADER = _MAGIC + b"\x00\x00\x00\x00\x00\xff\x06\x00" + _BC
_STORED = struct.Struct("<BHH")

IsalError: type[Exception] = igzip_lib.error  # type: ignore[assignment]


class DamagedStreamError(Exception):
    """The compressed stream is cut or broken; `sentence` says how, for the user."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class BlockHeader(NamedTuple):
    """Where a block's deflate data starts and where the block ends, in bytes from the block's start."""

    data_start: int
    size: int


def parse_header(data: bytes | memoryview, offset: int = 0) -> BlockHeader | None:
    """The header of the BGZF block at `offset`; None when there is no BGZF block.

    `data` must hold the whole header: 18 bytes, or 12 + XLEN when it carries further subfields.
    """
    if len(data) - offset < HEADER_BYTES:
        return None
    magic, xlen, subfield, size = _FIXED.unpack_from(data, offset)
    if magic != _MAGIC:
        return None
    found: BlockHeader | None
    if xlen == 6 and subfield == _BC:
        found = BlockHeader(HEADER_BYTES, size + 1)
    else:
        found = _search_subfields(bytes(data[offset + 12 : offset + 12 + xlen]), xlen)
    return found if found is not None and found.size > found.data_start + TRAILER_BYTES else None


def _search_subfields(extra: bytes, xlen: int) -> BlockHeader | None:
    position = 0
    while position + 4 <= len(extra):
        name, length = _SUBFIELD.unpack_from(extra, position)
        if name == b"BC" and length == 2 and position + 6 <= len(extra):
            return BlockHeader(12 + xlen, _BSIZE.unpack_from(extra, position + 4)[0] + 1)
        position += 4 + length
    return None


def inflate(block: memoryview, header: BlockHeader) -> bytes:
    """The uncompressed bytes of a whole block, its length and checksum compared.

    Raises DamagedStreamError.
    """
    data = block[header.data_start : header.size - TRAILER_BYTES]
    crc, length = _TRAILER.unpack_from(block, header.size - TRAILER_BYTES)
    if length > MAX_BLOCK_BYTES:
        raise DamagedStreamError("The file is damaged: a BGZF block announces an impossible length.")
    try:
        plain: bytes = igzip_lib.decompress(data, igzip_lib.DECOMP_DEFLATE, 15, length or 1)
    except (IsalError, EOFError) as error:
        raise DamagedStreamError("The file is damaged: a BGZF block cannot be decompressed.") from error
    if len(plain) != length or isal_zlib.crc32(plain) != crc:
        raise DamagedStreamError("The file is damaged: the checksum of a BGZF block is wrong.")
    return plain


def deflate(plain: bytes | bytearray | memoryview, level: int) -> bytes:
    """A whole block of at most 65,280 bytes.

    igzip promises no more than that it inflates to the same: rarely, a block comes out a byte longer.
    """
    data = isal_zlib.compress(plain, level, -15)
    if len(data) > MAX_BLOCK_BYTES - HEADER_BYTES - TRAILER_BYTES:
        data = _STORED.pack(1, len(plain), len(plain) ^ 0xFFFF) + bytes(plain)
    size = _BSIZE.pack(HEADER_BYTES + len(data) + TRAILER_BYTES - 1)
    return b"".join((_HEADER, size, data, _TRAILER.pack(isal_zlib.crc32(plain), len(plain))))


def walk_blocks(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) in compressed bytes of every block of a seekable BGZF file, the end block too.

    Reads headers only. Raises InvalidVcfError where the file is cut, lacks its end block, or goes on with
    something else than zero bytes.
    """
    end = file.seek(0, 2)
    offset = size = tiny = 0
    while offset + size < end:
        offset += size
        file.seek(offset)
        header = parse_header(file.read(HEADER_BYTES))
        if header is None:
            file.seek(offset)
            header = parse_header(file.read(MAX_BLOCK_BYTES))
        if header is None:
            _expect_zeros(file, offset)
            offset -= size
            break
        size = header.size
        if offset + size > end:
            raise InvalidVcfError("The file is truncated: its last BGZF block is cut off.")
        tiny = tiny + 1 if size <= HEADER_BYTES + TRAILER_BYTES + TINY_BYTES else 0
        if tiny > TINY_BLOCKS:
            raise InvalidVcfError(TINY_SENTENCE)
        yield offset, size
    file.seek(offset)
    if not size or _TRAILER.unpack(file.read(size)[-TRAILER_BYTES:])[1]:
        raise InvalidVcfError("The file is truncated: its BGZF end block is missing.")


def _expect_zeros(file: BinaryIO, offset: int) -> None:
    file.seek(offset)
    while rest := file.read(1 << 20):
        if rest.strip(b"\0"):
            raise InvalidVcfError("The file is not BGZF throughout: a block has no BGZF header.")
