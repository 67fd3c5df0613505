"""A BCF as a stream of VCF text, for whoever reads VCF."""

from __future__ import annotations

import struct
from typing import ClassVar

from vcfjobs.errors import HostileInputError, InvalidVcfError
from vcfjobs.vrs.bcf.errors import BadRecordError, LongLineError
from vcfjobs.vrs.bcf.header import BcfHeader, parse_header
from vcfjobs.vrs.bcf.samples import SampleReader
from vcfjobs.vrs.bcf.sites import FIXED, SiteReader
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.bgzf.streams import PIECE_BYTES, ByteStream

MAGIC = b"BCF"
VERSIONS = (b"BCF\x02\x01", b"BCF\x02\x02")

_HEADER_LENGTH = struct.Struct("<I")
_LENGTHS = struct.Struct("<II")  # of the shared part and of the samples'


class BcfStream:
    """The text of the BCF in `inner`, of which `first` has been read already.

    Nothing that is longer than `max_line` or `max_header` bytes is built, neither as BCF nor as text.
    """

    kind: ClassVar[str] = "bcf"

    def __init__(self, inner: ByteStream, first: bytes, *, max_line: int, max_header: int) -> None:
        self._inner = inner
        self._data = first
        self._at = 0
        self._max_line = max_line
        self._max_header = max_header
        self._records = 0  # begun
        self._readers: tuple[SiteReader, SampleReader] | None = None  # None until the header is read

    @property
    def compressed_bytes(self) -> int:
        """Bytes taken from the source so far."""
        return self._inner.compressed_bytes

    def read(self) -> bytes:
        """The next piece, of whole lines; b"" at the end. The first begins with the header.

        Raises DamagedStreamError and HostileInputError, naming the record, and InvalidVcfError for the
        header.
        """
        parts: list[bytes] = []
        if self._readers is None:
            header = self._read_header()
            parts.append(header.text)
            self._readers = SiteReader(header, self._max_line), SampleReader(header, self._max_line)
        sites, samples = self._readers
        size = sum(map(len, parts))
        while size < PIECE_BYTES and self._hold(1):
            self._records += 1
            line = self._read_record(sites, samples)
            parts.append(line)
            size += len(line)
        return b"".join(parts)

    def _read_header(self) -> BcfHeader:
        begin = len(VERSIONS[0]) + _HEADER_LENGTH.size
        if not self._hold(begin):
            raise DamagedStreamError("The file is truncated: its header is cut off.")
        if not self._data.startswith(VERSIONS):
            raise InvalidVcfError(
                "The file is BCF of another version than 2.1 and 2.2; "
                "convert it with `bcftools view -Oz` and submit the VCF."
            )
        (length,) = _HEADER_LENGTH.unpack_from(self._data, len(VERSIONS[0]))
        if length > self._max_header:
            raise HostileInputError(f"The header of the file is longer than {self._max_header:,} bytes.")
        if not self._hold(begin + length):
            raise DamagedStreamError("The file is truncated: its header is cut off.")
        self._at = begin + length
        return parse_header(self._data[begin : begin + length])

    def _hold(self, size: int) -> bool:
        """Have `size` bytes at hand; False where the file ends before."""
        left = len(self._data) - self._at
        if left >= size:
            return True
        pieces = [self._data[self._at :]]
        self._data, self._at = b"", 0
        while left < size and (piece := self._inner.read()):
            pieces.append(piece)
            left += len(piece)
        self._data = b"".join(pieces)
        return left >= size

    def _read_record(self, sites: SiteReader, samples: SampleReader) -> bytes:
        """The line of the next record."""
        shared, individual = self._next_record()
        try:
            site, formats = sites.read(shared)
            parts = [site, *samples.read(individual, formats), b"\n"]
        except BadRecordError as error:
            raise self._damaged(error.reason) from error
        except (IndexError, struct.error) as error:
            raise self._damaged("is shorter than its values") from error
        except LongLineError as error:
            raise self._too_long() from error
        if sum(map(len, parts)) > self._max_line + 1:
            raise self._too_long()
        return b"".join(parts)

    def _next_record(self) -> tuple[bytes, bytes]:
        """The shared part of the next record and the samples' part."""
        if not self._hold(_LENGTHS.size):
            raise self._cut_off()
        shared, individual = _LENGTHS.unpack_from(self._data, self._at)
        size = _LENGTHS.size + shared + individual
        if size > self._max_line:
            raise self._too_long()
        if not self._hold(size):
            raise self._cut_off()
        if shared < FIXED.size:
            raise self._damaged("is shorter than its values")
        begin = self._at + _LENGTHS.size
        middle, self._at = begin + shared, self._at + size
        record = self._data[begin:middle], self._data[middle : self._at]
        if size > PIECE_BYTES:  # not to be held twice
            self._data, self._at = self._data[self._at :], 0
        return record

    def _cut_off(self) -> DamagedStreamError:
        return DamagedStreamError(f"The file is truncated: record {self._records:,} of the BCF is cut off.")

    def _damaged(self, reason: str) -> DamagedStreamError:
        return DamagedStreamError(f"The file is damaged: record {self._records:,} of the BCF {reason}.")

    def _too_long(self) -> HostileInputError:
        return HostileInputError(
            f"Record {self._records:,} of the BCF is longer than {self._max_line:,} bytes."
        )
