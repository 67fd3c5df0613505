"""Cut a large VCF into shards of whole lines, and read one of them.

A shard is a range of bytes of the file. A line belongs to the shard that holds the line end before it, so a
shard skips what comes before its first line end and reads on, beyond its range, to the end of the last line
that begins in it. Borders can therefore lie anywhere in plain text and between any two blocks of BGZF,
and nobody has to look for lines in order to cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, ClassVar

from vcfjobs.errors import HostileInputError
from vcfjobs.vrs.bgzf.blocks import inflate, parse_header, walk_blocks
from vcfjobs.vrs.bgzf.streams import BgzfStream, ByteStream, PlainStream, Source
from vcfjobs.vrs.vcf.lines import Limits, TextSource

BLOCKS_BETWEEN_CHECKS = 10_000


def cut(
    file: BinaryIO,
    kind: str,
    size: int,
    shard_bytes: int,
    header_bytes: int,
    check: Callable[[], None] = lambda: None,
) -> list[tuple[int, int]]:
    """The ranges [start, end) of the shards of a file of `size` bytes, none above `shard_bytes` by far.

    `kind` is "bgzf", or anything else for plain text. The first `header_bytes` of the text stay in one shard.
    The ranges depend on the file and on `shard_bytes` alone. `check` is called on the way, and may raise.
    Raises InvalidVcfError and DamagedStreamError for damaged BGZF.
    """
    count = -(-size // shard_bytes)
    first = _end_of_text(file, header_bytes) if kind == "bgzf" else header_bytes
    wanted = [border for k in range(1, count) if (border := size * k // count) >= first]
    borders = _block_borders(file, wanted, check) if kind == "bgzf" else wanted
    return list(zip([0, *borders], [*borders, size], strict=True))


def _end_of_text(file: BinaryIO, text_bytes: int) -> int:
    """Where the block ends that holds the last of the first `text_bytes` of a BGZF file's text."""
    for offset, size in walk_blocks(file):
        file.seek(offset)
        block = memoryview(file.read(size))
        header = parse_header(block)
        text_bytes -= len(inflate(block, header)) if header else 0
        if text_bytes <= 0:
            return offset + size
    return file.seek(0, 2)


def _block_borders(file: BinaryIO, wanted: list[int], check: Callable[[], None]) -> list[int]:
    """The first start of a block at or after each wanted offset; reads the whole chain of block headers."""
    borders: list[int] = []
    left = iter(wanted)
    next_wanted = next(left, None)
    for number, (offset, _) in enumerate(walk_blocks(file)):
        if number % BLOCKS_BETWEEN_CHECKS == 0:
            check()
        if next_wanted is not None and offset >= next_wanted:
            borders.append(offset)
            while next_wanted is not None and next_wanted <= offset:
                next_wanted = next(left, None)
    return borders


class ShardStream:
    """The lines of one shard as a stream of bytes.

    First what lies inside the range, from the first line end on; then, piece by piece, what lies beyond it
    up to the next line end.
    """

    kind: ClassVar[str] = "shard"

    def __init__(self, file: BinaryIO, kind: str, start: int, end: int, longest_line: int) -> None:
        self._inside = _stream(kind, _Range(file, start, end))
        self._beyond = _stream(kind, _Range(file, end, None))
        self._skips = start > 0
        self._longest_line = longest_line
        self._leaves = False  # the range is read
        self._done = False

    @property
    def compressed_bytes(self) -> int:
        """Bytes of the range taken so far."""
        return self._inside.compressed_bytes

    def read(self) -> bytes:
        """The next piece; b"" at the end. Raises DamagedStreamError, HostileInputError."""
        if not self._leaves:
            piece = self._skip() if self._skips else self._inside.read()
            if piece:
                return piece
            self._leaves = True
            self._done = self._skips  # without a line end inside the range no line begins in it
        return b"" if self._done else self._read_beyond()

    def _skip(self) -> bytes:
        """What follows the first line end, b"" where there is none."""
        skipped = 0
        while piece := self._inside.read():
            first = piece.find(b"\n") + 1
            if first:
                self._skips = False
                return piece[first:] or self._inside.read()
            skipped += len(piece)
            if skipped > self._longest_line:
                raise HostileInputError(f"A line of the file is longer than {self._longest_line:,} bytes.")
        return b""

    def _read_beyond(self) -> bytes:
        piece = self._beyond.read()
        end = piece.find(b"\n") + 1
        self._done = bool(end) or not piece
        return piece[:end] if end else piece


class _Range:
    """The bytes [start, end) of a file, to be read once; to the end of the file without `end`."""

    def __init__(self, file: BinaryIO, start: int, end: int | None) -> None:
        self._file = file
        self._at = start
        self._end = end

    def read(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end."""
        self._file.seek(self._at)
        data = self._file.read(size if self._end is None else min(size, self._end - self._at))
        self._at += len(data)
        return data


def _stream(kind: str, file: _Range) -> ByteStream:
    source = Source(file)
    return BgzfStream(source, part=True) if kind == "bgzf" else PlainStream(source)


def open_shard(file: BinaryIO, kind: str, start: int, end: int, limits: Limits | None = None) -> TextSource:
    """The lines of the shard [start, end) of a seekable file; the first shard's begin with the header."""
    limits = limits or Limits()
    stream = ShardStream(file, kind, start, end, limits.max_line)
    return TextSource(stream, b"", limits, records_only=start > 0)


def lines_before(file: BinaryIO, kind: str, start: int, check: Callable[[], None]) -> int:
    """How many lines of the file belong to the shards before the one that begins at `start`.

    `check` is called on the way, and may raise.
    """
    source = open_shard(file, kind, 0, start)
    lines = 0
    while chunk := source.read_chunk():
        lines += chunk.count(b"\n")
        check()
    return lines
