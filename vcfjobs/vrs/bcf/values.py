"""Typed values of BCF as VCF text.

A value begins with a descriptor: its type in the lower four bits, the number of its elements in the upper
four, where 15 means that the number follows as a typed integer. Numbers are little-endian; each type has a
bit pattern for a missing value and one for the end of a vector that is shorter than its neighbours.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from vcfjobs.vrs.bcf.errors import BadRecordError, LongLineError

NONE, INT8, INT16, INT32, FLOAT, CHARACTERS = 0, 1, 2, 3, 5, 7
MISSING = b"."
SLICE_VALUES = 1 << 16
MOST_KEPT = 1 << 14

_SIGNED = {0x11: struct.Struct("<b"), 0x12: struct.Struct("<h"), 0x13: struct.Struct("<i")}
_BITS = struct.Struct("<I")
_FLOAT = struct.Struct("<f")
_FLOAT_SIGN = 0x80000000
_FLOAT_MISSING, _FLOAT_END = 0x7F800001, 0x7F800002
# htslib rounds a tie between two numbers of six digits up, "%g" to the even one. A double has room enough
# beyond the bits of a float to tip a tie over without touching any other number.
_TIP = 1 + 2**-52
_SMALLEST_PLAIN, _LARGEST_PLAIN = 0.0001, 999_999
_ENDS_LINE_OR_COLUMN = (b"\t", b"\n")


class Texts(dict[int, bytes]):
    """The text of each bit pattern of a type, made when it is first needed; the commonest are kept."""

    def __init__(self, make: Callable[[int], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, bits: int) -> bytes:
        text = self._make(bits)
        if len(self) < MOST_KEPT:
            self[bits] = text
        return text


@dataclass(frozen=True, slots=True)
class NumberType:
    """A type of number: bytes and struct code of one, the bits that end a vector.

    `first` has the text of a vector's first element, `later` that of the others with their separator; the
    end of a vector is b"" in both.
    """

    size: int
    code: str
    end: int
    first: Texts
    later: Texts

    @property
    def largest(self) -> int:
        """The largest bit pattern of an integer that is not negative."""
        return (1 << (8 * self.size - 1)) - 1

    def unpack(self, raw: bytes) -> tuple[int, ...]:
        """The bit patterns of the numbers in `raw`."""
        return struct.unpack(f"<{len(raw) // self.size}{self.code}", raw)

    def vector(self, raw: bytes, longest: int) -> bytes:
        """The text of one vector, piece by piece where it is long. Raises LongLineError."""
        if len(raw) == self.size:
            return self.first[int.from_bytes(raw, "little")]
        parts: list[bytes] = []
        length = 0
        step = SLICE_VALUES * self.size
        texts = self.first
        for begin in range(0, len(raw), step):
            bits = self.unpack(raw[begin : begin + step])
            ended = self.end in bits
            if ended:
                bits = bits[: bits.index(self.end)]
            if bits or not parts:
                parts.append(texts[bits[0] if bits else self.end])
                parts.append(b"".join(map(self.later.__getitem__, bits[1:])))
                length += len(parts[-1])
            if ended:
                break
            if length > longest:
                raise LongLineError
            texts = self.later
        return b"".join(parts)


def float_text(bits: int) -> bytes:
    """The text of a float of those bits, with six digits, as htslib writes it."""
    if bits == _FLOAT_MISSING:
        return MISSING
    if bits == _FLOAT_END:
        return b""
    (number,) = _FLOAT.unpack(_BITS.pack(bits))
    if math.isnan(number):
        return b"-nan" if bits & _FLOAT_SIGN else b"nan"
    if _SMALLEST_PLAIN <= abs(number) <= _LARGEST_PLAIN:
        number *= _TIP
    return b"%g" % number


def _integer_text(size: int) -> Callable[[int], bytes]:
    half = 1 << (8 * size - 1)

    def text(bits: int) -> bytes:
        if bits == half:
            return MISSING
        if bits == half + 1:
            return b""
        return b"%d" % (bits - 2 * half if bits > half else bits)

    return text


def _allele_text(size: int) -> Callable[[int], bytes]:
    """The allele in a bit pattern of GT: twice its number plus two, plus one when it is phased."""
    half = 1 << (8 * size - 1)

    def text(bits: int) -> bytes:
        if bits >= half:
            return b"" if bits <= half + 1 else b"%d" % ((bits - 2 * half >> 1) - 1)
        return b"%d" % ((bits >> 1) - 1) if bits > 1 else MISSING

    return text


def _with_comma(text: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def later(bits: int) -> bytes:
        return b"," + found if (found := text(bits)) else b""

    return later


def _with_phase(text: Callable[[int], bytes]) -> Callable[[int], bytes]:
    def later(bits: int) -> bytes:
        return (b"|" if bits & 1 else b"/") + found if (found := text(bits)) else b""

    return later


def _number_type(size: int, code: str, text: Callable[[int], bytes]) -> NumberType:
    end = _FLOAT_END if text is float_text else (1 << (8 * size - 1)) + 1
    return NumberType(size, code, end, Texts(text), Texts(_with_comma(text)))


def _genotype_type(size: int, code: str) -> NumberType:
    text = _allele_text(size)
    end = (1 << (8 * size - 1)) + 1
    return NumberType(size, code, end, Texts(lambda bits: text(bits) or MISSING), Texts(_with_phase(text)))


NUMBERS = {
    INT8: _number_type(1, "B", _integer_text(1)),
    INT16: _number_type(2, "H", _integer_text(2)),
    INT32: _number_type(4, "I", _integer_text(4)),
    FLOAT: _number_type(4, "I", float_text),
}
GENOTYPES = {INT8: _genotype_type(1, "B"), INT16: _genotype_type(2, "H"), INT32: _genotype_type(4, "I")}


def typed_integer(data: bytes, at: int) -> tuple[int, int]:
    """The single integer at `at`, and where it ends. Raises BadRecordError, IndexError, struct.error."""
    form = _SIGNED.get(data[at])
    if form is None:
        raise BadRecordError("has something else where an integer belongs")
    return form.unpack_from(data, at + 1)[0], at + 1 + form.size


def descriptor(data: bytes, at: int) -> tuple[int, int, int]:
    """Type, number of elements, and where these begin. Raises BadRecordError, IndexError, struct.error."""
    kind, count = data[at] & 15, data[at] >> 4
    at += 1
    if count == 15:
        count, at = typed_integer(data, at)
        if count < 0:
            raise BadRecordError("has a vector of a negative length")
    if kind not in NUMBERS and kind != CHARACTERS and (kind != NONE or count):
        raise BadRecordError("has a value of an unknown type")
    return kind, count, at


def elements(data: bytes, at: int, size: int) -> bytes:
    """The `size` bytes at `at`. Raises BadRecordError where the data ends before."""
    raw = data[at : at + size]
    if len(raw) != size:
        raise BadRecordError("is shorter than its values")
    return raw


def clean(raw: bytes) -> bytes:
    """Characters up to the first NUL."""
    if b"\0" in raw:
        raw = raw.partition(b"\0")[0]
    return raw.replace(b"\7", MISSING)


def string(data: bytes, at: int) -> tuple[bytes, int]:
    """The string at `at`, and where it ends. Raises BadRecordError, IndexError, struct.error."""
    kind, count, at = descriptor(data, at)
    if kind != CHARACTERS:
        raise BadRecordError("has something else where a string belongs")
    end = at + count
    return clean(elements(data, at, count)) if count else MISSING, end


def breaks_columns(text: bytes) -> bool:
    """Whether a tab or a line end is in the text."""
    return any(character in text for character in _ENDS_LINE_OR_COLUMN)
