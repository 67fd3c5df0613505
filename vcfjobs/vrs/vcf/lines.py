"""A VCF as chunks of whole lines, whatever its compression, within limits that hostile files hit early."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

from vcfjobs.errors import HostileInputError, InvalidVcfError, RunFailureError
from vcfjobs.vrs.bcf.stream import MAGIC as BCF_MAGIC
from vcfjobs.vrs.bcf.stream import BcfStream
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.bgzf.streams import PIECE_BYTES, ByteStream, open_stream

MIB = 1 << 20
LINE_END = ord("\n")
VCF_MAGIC = b"##fileformat=VCF"
RATIO_FREE_BYTES = 100_000_000  # a short header compresses better than 300:1 without any harm

_FORMATS = {"plain": "vcf", "gzip": "vcf.gz", "bgzf": "bgzf", "bcf": "bcf", "shard": "vcf"}
_FIRST_RECORD = re.compile(rb"^[^#]", re.MULTILINE)
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"CRAM": "CRAM",
    b"BAM\x01": "BAM",
}


@dataclass(frozen=True)
class Limits:
    """What a file may cost: bytes of one line, of the header, of the whole text, and text per file byte."""

    max_line: int = 64 * MIB
    max_header: int = 32 * MIB
    max_decompressed: int | None = None
    max_ratio: int = 300


class TextSource:
    """The lines of a text in chunks; made by `open_text` for a VCF, by `open_lines` for any.

    `format` is "vcf", "vcf.gz", "bgzf" or "bcf".
    """

    def __init__(
        self, stream: ByteStream, first: bytes, limits: Limits, *, records_only: bool = False
    ) -> None:
        self.format = _FORMATS[stream.kind]
        self._stream = stream
        self.limits = limits
        self.is_vcf = first.startswith(VCF_MAGIC)
        self._first = first  # read while sniffing
        self._rest = b""  # the start of a line whose end is still to come
        self._decompressed = len(first)
        self._header_bytes: int | None = None if records_only else 0  # None once the first record was seen
        self._chunks = 0

    @property
    def compressed_bytes(self) -> int:
        """Bytes of the file taken so far."""
        return self._stream.compressed_bytes

    def read_chunk(self) -> bytes:
        """About 1 MiB of whole lines; the last chunk may lack its line end; b"" at the end.

        Raises HostileInputError at a limit; for a cut or damaged file InvalidVcfError while the first chunk
        is read and RunFailureError later.
        """
        chunk = self._whole_lines()
        self._chunks += 1
        if self._header_bytes is not None:
            self._count_header(chunk)
        return chunk

    def _whole_lines(self) -> bytes:
        parts = [self._rest]
        held = len(self._rest)
        self._rest = b""
        while piece := self._next_piece():
            self._check_lines(held, piece)
            cut = piece.rfind(b"\n") + 1
            if cut:
                parts.append(piece[:cut])
                self._rest = piece[cut:]
                break
            parts.append(piece)
            held += len(piece)
        return b"".join(parts)

    def _next_piece(self) -> bytes:
        if self._first:
            piece, self._first = self._first, b""
            return piece
        try:
            piece = self._stream.read()
        except DamagedStreamError as damage:
            error = RunFailureError if self._chunks else InvalidVcfError
            raise error(damage.sentence) from damage
        self._decompressed += len(piece)
        self._check_size()
        return piece

    def _check_size(self) -> None:
        limit = self.limits.max_decompressed
        if limit is not None and self._decompressed > limit:
            raise HostileInputError(f"The decompressed file is larger than {limit:,} bytes.")
        if (
            self._decompressed > RATIO_FREE_BYTES
            and self._decompressed > self.limits.max_ratio * self.compressed_bytes
        ):
            raise HostileInputError(
                f"The file decompresses to more than {self.limits.max_ratio} times its size."
            )

    def _check_lines(self, held: int, piece: bytes) -> None:
        """Compare the line lengths with the limit; a line's end is not counted."""
        limit = self.limits.max_line
        first = piece.find(b"\n")
        longest = held + (first if first >= 0 else len(piece))
        if limit < 2 * PIECE_BYTES:  # a line inside one piece can be longer than so low a limit
            longest = max(longest, *map(len, piece.split(b"\n")))
        if longest > limit:
            raise HostileInputError(f"A line of the file is longer than {limit:,} bytes.")

    def _count_header(self, chunk: bytes) -> None:
        assert self._header_bytes is not None  # noqa: S101
        record = _FIRST_RECORD.search(chunk)
        size = self._header_bytes + (record.start() if record else len(chunk))
        if size > self.limits.max_header:
            raise HostileInputError(
                f"The header of the file is longer than {self.limits.max_header:,} bytes."
            )
        self._header_bytes = None if record else size


def count_lines(text: bytes) -> int:
    """How many line ends a text has. It takes a fifth of the time of bytes.count."""
    import numpy as np  # slow to load, and not needed before a file is read

    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == LINE_END))


def open_text(source: BinaryIO, limits: Limits | None = None) -> TextSource:
    """Sniff `source` by its first bytes and return its text; no more than one piece is decompressed.

    Raises InvalidVcfError for anything but a plain, gzip or BGZF stream that is BCF or begins with
    `##fileformat=VCF`, and HostileInputError for a BCF whose header is above the limit.
    """
    limits = limits or Limits()
    stream, first = _sniffed(source, limits)
    if not first.startswith(VCF_MAGIC):
        raise InvalidVcfError(_refusal(first))
    return TextSource(stream, first, limits)


def open_lines(source: BinaryIO, limits: Limits | None = None) -> TextSource:
    """As `open_text`, for any text; whether it is a VCF, `is_vcf` says."""
    limits = limits or Limits()
    return TextSource(*_sniffed(source, limits), limits)


def _sniffed(source: BinaryIO, limits: Limits) -> tuple[ByteStream, bytes]:
    """The stream of text, and as much of it as shows whether it is a VCF."""
    stream = open_stream(source)
    try:
        first = _first_bytes(stream)
        if first.startswith(BCF_MAGIC):
            stream = BcfStream(stream, first, max_line=limits.max_line, max_header=limits.max_header)
            first = stream.read()
    except DamagedStreamError as damage:
        raise InvalidVcfError(damage.sentence) from damage
    return stream, first


def _first_bytes(stream: ByteStream) -> bytes:
    first = b""
    while len(first) < len(VCF_MAGIC) and (piece := stream.read()):
        first += piece
    return first


def _refusal(first: bytes) -> str:
    if not first.strip():
        return "The file is empty."
    for magic, name in _ARCHIVES.items():
        if first.startswith(magic):
            return f"The file is {name}, not VCF; submit plain VCF, gzip, BGZF or BCF."
    return "The file is not VCF: line 1 does not begin with ##fileformat=VCF."
