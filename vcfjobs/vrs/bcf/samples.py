"""The part of a record that belongs to its samples: FORMAT and the columns of the samples.

A record stores field by field, each with the values of all samples; VCF has sample by sample. Texts of single
values are put where they belong in a list, a slice for each field and element, and joined at once. Some
thousand values are processed at a time, whatever the record says it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vcfjobs.vrs.bcf.errors import BadRecordError, LongLineError
from vcfjobs.vrs.bcf.header import BcfHeader
from vcfjobs.vrs.bcf.values import (
    GENOTYPES,
    MISSING,
    NONE,
    NUMBERS,
    SLICE_VALUES,
    NumberType,
    breaks_columns,
    clean,
    descriptor,
    elements,
    typed_integer,
)

GENOTYPE = b"GT"
# The bit patterns of GT whose allele is one character: missing, or up to 9; phased or not.
_ONE_CHARACTER = bytes(range(22))
_ALLELES = b"".join(GENOTYPES[1].first[bits] if bits in _ONE_CHARACTER else b"?" for bits in range(256))
_PHASES = b"/|" * 128


@dataclass(frozen=True, slots=True)
class _Field:
    """A FORMAT field: its type, None for strings, and `count` elements for each sample in `raw`."""

    name: bytes
    number: NumberType | None
    count: int
    raw: bytes

    @property
    def pieces(self) -> int:
        """Texts of a sample, as far as memory is concerned."""
        return self.count if self.number else 1

    def columns(self, first: int, last: int, longest: int) -> list[list[bytes]]:
        """The texts of the samples [first, last): a list for each element, or one of whole values."""
        if not self.count:
            return [[MISSING] * (last - first)]
        if self.number is None:
            return [self._strings(first, last)]
        width = self.count * self.number.size
        raw = self.raw[first * width : last * width]
        if self.count <= SLICE_VALUES:
            bits = self.number.unpack(raw)
            if self.count == 1 or self.number.end not in bits:
                return self._elements(self.number, bits)
        vectors: dict[bytes, bytes] = {}
        texts: list[bytes] = []
        for begin in range(0, len(raw), width):
            value = raw[begin : begin + width]
            text = vectors.get(value)
            if text is None:
                text = vectors[value] = self.number.vector(value, longest)
            texts.append(text)
        return [texts]

    def _elements(self, number: NumberType, bits: Sequence[int]) -> list[list[bytes]]:
        columns = [list(map(number.first.__getitem__, bits[:: self.count]))]
        later = number.later.__getitem__
        columns += [list(map(later, bits[element :: self.count])) for element in range(1, self.count)]
        return columns

    def _strings(self, first: int, last: int) -> list[bytes]:
        width = self.count
        return [clean(self.raw[at : at + width]) for at in range(first * width, last * width, width)]


class SampleReader:
    """Reads the samples' part of one record after another; no line is longer than `longest` bytes."""

    def __init__(self, header: BcfHeader, longest: int) -> None:
        self._fields = header.fields
        self._samples = header.samples
        self._longest = longest

    def read(self, data: bytes, formats: int) -> list[bytes]:
        """The columns from FORMAT on with the tabs before them, in parts to be joined; none without samples.

        Raises BadRecordError, LongLineError, IndexError, struct.error.
        """
        if not self._samples:
            return []
        fields, end = self._split(data, formats)
        if end != len(data):
            raise BadRecordError("is longer than its values")
        names = b":".join(field.name for field in fields) or MISSING
        if breaks_columns(names):
            raise BadRecordError("has a FORMAT name with a tab or a line end")
        if not fields:
            return [b"\t.", b"\t." * self._samples]
        parts = [b"\t", names]
        length = 0
        for part in self._texts(fields):
            parts.append(part)
            length += len(part)
            if length > self._longest:
                raise LongLineError
        return parts

    def _split(self, data: bytes, formats: int) -> tuple[list[_Field], int]:
        """The FORMAT fields of a record, and where they end."""
        fields: list[_Field] = []
        at = length = 0
        for _ in range(formats):
            key, at = typed_integer(data, at)
            name = self._fields[key]
            kind, count, at = descriptor(data, at)
            types = GENOTYPES if name == GENOTYPE else NUMBERS
            number = types.get(kind)
            if number is None and name == GENOTYPE and kind != NONE:
                raise BadRecordError("has genotypes that are no integers")
            raw = elements(data, at, self._samples * count * (number.size if number else 1))
            if number is None and breaks_columns(raw):
                raise BadRecordError("has a string with a tab or a line end")
            fields.append(_Field(name, number, count, raw))
            at += len(raw)
            length += len(name)
            if length > self._longest:
                raise LongLineError
        return fields, at

    def _texts(self, fields: list[_Field]) -> Iterator[bytes]:
        """The columns of the samples, some samples at a time."""
        if len(fields) == 1 and (text := _diploid(fields[0])):
            yield text
            return
        step = max(SLICE_VALUES // sum(field.pieces + 1 for field in fields), 1)
        for first in range(0, self._samples, step):
            last = min(first + step, self._samples)
            pieces: list[list[bytes]] = []
            for field in fields:
                pieces.append([b":" if pieces else b"\t"] * (last - first))
                pieces += field.columns(first, last, self._longest)
            laid = [b""] * (len(pieces) * (last - first))
            for number, column in enumerate(pieces):
                laid[number :: len(pieces)] = column
            yield b"".join(laid)


def _diploid(field: _Field) -> bytes | None:
    """The columns of genotypes of two alleles of one character each; None where there are others."""
    if field.number is not GENOTYPES[1] or field.count != 2 or field.raw.translate(None, _ONE_CHARACTER):
        return None
    alleles = field.raw.translate(_ALLELES)
    text = bytearray(b"\t" * (2 * len(alleles)))
    text[1::4] = alleles[::2]
    text[2::4] = field.raw[1::2].translate(_PHASES)
    text[3::4] = alleles[1::2]
    return bytes(text)
