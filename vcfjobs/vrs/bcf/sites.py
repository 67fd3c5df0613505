"""The part of a record that its samples share: the first eight columns."""

from __future__ import annotations

import struct

from vcfjobs.vrs.bcf.errors import BadRecordError, LongLineError
from vcfjobs.vrs.bcf.header import BcfHeader, Dictionary
from vcfjobs.vrs.bcf.values import (
    CHARACTERS,
    FLOAT,
    GENOTYPES,
    MISSING,
    NUMBERS,
    clean,
    descriptor,
    elements,
    string,
    typed_integer,
)

# CHROM, POS, length on the reference, bits of QUAL; how many INFO fields, alleles, samples and FORMAT fields.
FIXED = struct.Struct("<iiiIHHI")
SAMPLE_BITS = 24
MOST_SAMPLES = (1 << SAMPLE_BITS) - 1
SITE_TABS = 7
KEY_BYTES = 2  # of a key that is an INT8
ONE_INT8, LARGEST_INT8 = 0x11, 0x7F
MOST_IN_DESCRIPTOR = 15  # from here on the number of elements follows the descriptor
SIZES = {kind: number.size for kind, number in NUMBERS.items()} | {CHARACTERS: 1}
# What is kept of INFO fields: bytes of one, of its text, and how many.
LONGEST_KEPT = 16
LONGEST_TEXT_KEPT = 100
MOST_KEPT = 1 << 16
# A byte becomes no more text than this: an INT8 of -100 and its comma.
TEXT_PER_BYTE = 5


class _FieldSizes(dict[bytes, int]):
    """How many bytes an INFO field has in all, by its key (INT8 or INT16) and the descriptor of its value.

    0 where they do not say, -1 where the key is an INT16 and the descriptor is still missing.
    """

    def __missing__(self, head: bytes) -> int:
        if len(self) >= MOST_KEPT:
            self.clear()
        size = self[head] = self._size(head)
        return size

    @staticmethod
    def _size(head: bytes) -> int:
        if head[:1] == b"\x12" and len(head) == KEY_BYTES + 1:
            return -1
        if head[:1] not in (b"\x11", b"\x12"):
            return 0
        kind, count = head[-1] & 15, head[-1] >> 4
        if count == 0:
            return len(head)
        if count == MOST_IN_DESCRIPTOR or kind not in SIZES:
            return 0
        size = len(head) + count * SIZES[kind]
        return size if size <= LONGEST_KEPT else 0


class _FieldTexts(dict[bytes, bytes]):
    """The text of whole INFO fields by their bytes: most are among a few that return again and again."""

    def __init__(self, fields: Dictionary, longest: int) -> None:
        super().__init__()
        self._fields = fields
        self._longest = longest

    def __missing__(self, raw: bytes) -> bytes:
        text, _ = self.read(raw, 0)
        if len(text) <= LONGEST_TEXT_KEPT:
            if len(self) >= MOST_KEPT:
                self.clear()
            self[raw] = text
        return text

    def read(self, shared: bytes, at: int) -> tuple[bytes, int]:
        """The text of the field at `at`, and where it ends. Raises what `descriptor` does."""
        key, at = typed_integer(shared, at)
        name = self._fields[key]
        kind, count, at = descriptor(shared, at)
        if not count:
            return name, at
        if kind == CHARACTERS:
            return b"%b=%b" % (name, clean(elements(shared, at, count))), at + count
        number = NUMBERS[kind]
        raw = elements(shared, at, count * number.size)
        return b"%b=%b" % (name, number.vector(raw, self._longest)), at + len(raw)


class SiteReader:
    """Reads the shared part of one record after another; no line is longer than `longest` bytes."""

    def __init__(self, header: BcfHeader, longest: int) -> None:
        self._contigs = header.contigs
        self._fields = header.fields
        self._samples = header.samples
        self._longest = longest
        self._longest_name = max(map(len, header.fields.values()))
        self._sizes = _FieldSizes()
        self._texts = _FieldTexts(header.fields, longest)

    def read(self, shared: bytes) -> tuple[bytes, int]:
        """The first columns of a record, and the number of its FORMAT fields.

        Raises BadRecordError, LongLineError, IndexError, struct.error.
        """
        contig, start, _, quality, infos, alleles, counts = FIXED.unpack_from(shared)
        if counts & MOST_SAMPLES != self._samples:
            raise BadRecordError("has another number of samples than the header")
        identifier, at = string(shared, FIXED.size)
        bases: list[bytes] = []
        for _ in range(alleles):
            allele, at = string(shared, at)
            bases.append(allele)
        filters, at = self._filters(shared, at)
        info = self._info(shared, at, infos)
        text = b"%b\t%d\t%b\t%b\t%b\t%b\t%b\t%b" % (
            self._contigs[contig],
            start + 1,
            identifier,
            bases[0] if bases else MISSING,
            b",".join(bases[1:]) or MISSING,
            NUMBERS[FLOAT].first[quality] or MISSING,
            filters,
            info,
        )
        if text.count(b"\t") != SITE_TABS or b"\n" in text:
            raise BadRecordError("has a string with a tab or a line end")
        return text, counts >> SAMPLE_BITS

    def _filters(self, shared: bytes, at: int) -> tuple[bytes, int]:
        if shared[at] == ONE_INT8 and shared[at + 1] <= LARGEST_INT8:
            return self._fields[shared[at + 1]], at + 2
        kind, count, at = descriptor(shared, at)
        if not count:
            return MISSING, at
        if kind not in GENOTYPES:  # which are integers too
            raise BadRecordError("has something else where its filters belong")
        if count > len(self._fields):
            raise BadRecordError("has more filters than the header")
        number = NUMBERS[kind]
        raw = elements(shared, at, count * number.size)
        indexes = number.unpack(raw)
        if max(indexes) > number.largest:
            raise BadRecordError("names a filter by a negative index")
        names = [self._fields[index] for index in indexes]
        if sum(map(len, names)) > self._longest:
            raise LongLineError
        return b";".join(names), at + len(raw)

    def _info(self, shared: bytes, at: int, count: int) -> bytes:
        """The INFO column of `count` fields, which begin at `at` and fill the shared part."""
        sizes, texts = self._sizes, self._texts
        may_be_long = count * (self._longest_name + 2) + TEXT_PER_BYTE * len(shared) > self._longest
        length = 0
        fields: list[bytes] = []
        for _ in range(count):
            size = sizes[shared[at : at + KEY_BYTES + 1]]
            if size < 0:
                size = sizes[shared[at : at + KEY_BYTES + 2]]
            if size > 0:
                end = at + size
                fields.append(texts[shared[at:end]])
                at = end
            else:
                field, at = texts.read(shared, at)
                fields.append(field)
            if may_be_long:
                length += len(fields[-1])
                if length > self._longest:
                    raise LongLineError
        if at != len(shared):
            raise BadRecordError("is longer than its values")
        return b";".join(fields) or MISSING
