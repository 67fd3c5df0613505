"""Uncompressed bytes of a plain, gzip or BGZF stream, in bounded pieces. The first bytes tell the kind."""

from __future__ import annotations

from typing import BinaryIO, ClassVar, Protocol

from isal import igzip_lib

from vcfjobs.vrs.bgzf.blocks import (
    GZIP_MAGIC,
    MAX_BLOCK_BYTES,
    TINY_BLOCKS,
    TINY_BYTES,
    TINY_MEMBERS,
    TINY_SENTENCE,
    DamagedStreamError,
    IsalError,
    inflate,
    parse_header,
)

PIECE_BYTES = 1 << 20
# Small, because each member that ends within it copies the rest of it.
GZIP_READ_BYTES = 1 << 16


class ByteStream(Protocol):
    """Uncompressed bytes in pieces of about 1 MiB."""

    kind: ClassVar[str]

    @property
    def compressed_bytes(self) -> int:
        """Bytes taken from the source so far."""

    def read(self) -> bytes:
        """The next piece, at most PIECE_BYTES + MAX_BLOCK_BYTES; b"" at the end.

        Raises DamagedStreamError.
        """


class Readable(Protocol):
    """Bytes that can be read once."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; b"" at the end."""


class Source:
    """A binary stream with a peek at its first bytes; counts what was taken from it."""

    def __init__(self, raw: Readable) -> None:
        self._raw = raw
        self._head = b""
        self.taken = 0

    def peek(self, size: int) -> bytes:
        """The first `size` bytes (fewer at the end), without taking them."""
        while len(self._head) < size:
            more = self._raw.read(size - len(self._head))
            if not more:
                break
            self._head += more
        return self._head[:size]

    def read(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._raw.read(size)
        self.taken += len(data)
        return data


class PlainStream:
    """Bytes as they are."""

    kind: ClassVar[str] = "plain"

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def compressed_bytes(self) -> int:
        """Bytes taken from the source so far."""
        return self._source.taken

    def read(self) -> bytes:
        """The next piece; b"" at the end."""
        return self._source.read(PIECE_BYTES)


class GzipStream:
    """The members of a gzip file, one after another; the CRC of each is verified."""

    kind: ClassVar[str] = "gzip"

    def __init__(self, source: Source) -> None:
        self._source = source
        self._member: igzip_lib.IgzipDecompressor | None = None
        self._pending = b""  # compressed bytes not yet given to a member
        self._held = 0  # uncompressed bytes of this member so far
        self._tiny = 0  # nearly empty members in a row

    @property
    def compressed_bytes(self) -> int:
        """Bytes taken from the source so far."""
        return self._source.taken

    def read(self) -> bytes:
        """The next piece; b"" at the end. Raises DamagedStreamError."""
        parts: list[bytes] = []
        size = 0
        while size < PIECE_BYTES and (self._member is not None or self._start_member()):
            parts.append(self._inflate(PIECE_BYTES - size))
            size += len(parts[-1])
        return b"".join(parts)

    def _start_member(self) -> bool:
        """Begin the next member; False if only zero bytes, or nothing, follow."""
        while not self._pending.lstrip(b"\0"):
            self._pending = self._source.read(GZIP_READ_BYTES)
            if not self._pending:
                return False
        self._pending = self._pending.lstrip(b"\0")
        while len(self._pending) < len(GZIP_MAGIC):
            more = self._source.read(GZIP_READ_BYTES)
            if not more:
                break
            self._pending += more
        if not self._pending.startswith(GZIP_MAGIC):
            raise DamagedStreamError("The file is damaged: something that is not gzip follows a gzip member.")
        self._member = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)
        return True

    def _inflate(self, limit: int) -> bytes:
        """At most `limit` bytes of the member, possibly none: a decompression bomb cannot fill the memory."""
        assert self._member is not None  # noqa: S101
        if self._member.needs_input and not self._pending:
            self._pending = self._source.read(GZIP_READ_BYTES)
            if not self._pending:
                raise DamagedStreamError("The file is truncated: its last gzip member is cut off.")
        data, self._pending = self._pending, b""
        try:
            piece: bytes = self._member.decompress(data, limit)
        except (IsalError, EOFError) as error:
            raise DamagedStreamError("The file is damaged: a gzip member cannot be decompressed.") from error
        self._held += len(piece)
        if self._member.eof:
            self._pending = self._member.unused_data
            self._member = None
            self._count_tiny()
        return piece

    def _count_tiny(self) -> None:
        """A member costs as much time as a BGZF block, so the same limit applies."""
        self._tiny = self._tiny + 1 if self._held <= TINY_BYTES else 0
        self._held = 0
        if self._tiny > TINY_BLOCKS:
            raise DamagedStreamError(TINY_MEMBERS)


class BgzfStream:
    """The blocks of a BGZF file; the CRC of each is verified. A file must end with an empty block.

    A part of a file, cut between two blocks, need not.
    """

    kind: ClassVar[str] = "bgzf"

    def __init__(self, source: Source, *, part: bool = False) -> None:
        self._source = source
        self._part = part
        self._data = b""
        self._offset = 0
        self._ended = False  # the last block seen was empty
        self._tiny = 0  # nearly empty blocks in a row

    @property
    def compressed_bytes(self) -> int:
        """Bytes taken from the source so far."""
        return self._source.taken

    def read(self) -> bytes:
        """The next piece of whole blocks; b"" at the end. Raises DamagedStreamError."""
        parts: list[bytes] = []
        size = 0
        while size < PIECE_BYTES:
            block = self._next_block()
            if block is None:
                break
            self._ended = not block
            parts.append(block)
            size += len(block)
        return b"".join(parts)

    def _next_block(self) -> bytes | None:
        """The next block's bytes; None after the last block, which must be empty."""
        self._fill()
        left = len(self._data) - self._offset
        header = parse_header(self._data, self._offset)
        if header is None:
            self._expect_end()
            return None
        if header.size > left:
            raise DamagedStreamError("The file is truncated: its last BGZF block is cut off.")
        block = memoryview(self._data)[self._offset : self._offset + header.size]
        self._offset += header.size
        plain = inflate(block, header)
        self._tiny = self._tiny + 1 if len(plain) <= TINY_BYTES else 0
        if self._tiny > TINY_BLOCKS:
            raise DamagedStreamError(TINY_SENTENCE)
        return plain

    def _fill(self) -> None:
        """Buffer at least one block of the largest size, unless the source ends."""
        while len(self._data) - self._offset < MAX_BLOCK_BYTES:
            more = self._source.read(PIECE_BYTES)
            if not more:
                break
            self._data = self._data[self._offset :] + more
            self._offset = 0

    def _expect_end(self) -> None:
        """Only zero bytes may follow the last block, which must be empty."""
        while True:
            rest = self._data[self._offset :].lstrip(b"\0")
            if rest:
                cut = len(rest) < 18 and rest[:4] == b"\x1f\x8b\x08\x04"[: len(rest)]
                raise DamagedStreamError(
                    "The file is truncated: its last BGZF block is cut off."
                    if cut
                    else "The file is damaged: something that is not BGZF follows a BGZF block."
                )
            self._data, self._offset = self._source.read(PIECE_BYTES), 0
            if not self._data:
                break
        if not self._ended and not self._part:
            raise DamagedStreamError("The file is truncated: its BGZF end block is missing.")


def open_stream(raw: BinaryIO) -> ByteStream:
    """The stream of uncompressed bytes of `raw`, by its first bytes; reads no more than these."""
    source = Source(raw)
    head = source.peek(MAX_BLOCK_BYTES)
    if parse_header(head) is not None:
        return BgzfStream(source)
    if head.startswith(GZIP_MAGIC):
        return GzipStream(source)
    return PlainStream(source)
