"""The header of a BCF: its VCF text, and the dictionaries whose indexes stand for names in the records."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vcfjobs.errors import InvalidVcfError
from vcfjobs.vrs.bcf.errors import BadRecordError
from vcfjobs.vrs.vcf.header import MOST_LINES

PASS_LINE = b'##FILTER=<ID=PASS,Description="All filters passed">'
FIXED_COLUMNS = 9  # in front of the samples

_DECLARATION = re.compile(rb"##(contig|FILTER|INFO|FORMAT)=<")
# Neither steps back nor begins anew within a name: a line of many megabytes takes no longer than its length.
_ATTRIBUTE = re.compile(rb'(?<=[<,])([^=,<>"]++)=("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^,>"]*+)')
_INDEX = re.compile(rb"[0-9]{1,9}")


class Dictionary(dict[int, bytes]):
    """Names by their index; sparse, because IDX= may leave gaps of any size."""

    def __init__(self) -> None:
        super().__init__()
        self._names: set[bytes] = set()
        self._next = 0

    def __missing__(self, index: int) -> bytes:
        raise BadRecordError("names an entry that the header does not have")

    def add(self, name: bytes, index: int | None) -> None:
        """Take a declared name, at the next index where the header gives none; repeated names keep theirs.

        Raises InvalidVcfError where two names share an index.
        """
        if name in self._names:
            return
        if index is None:
            index = self._next
        if index in self:
            raise InvalidVcfError(f"Two entries of the BCF's header share IDX={index}.")
        self[index] = name
        self._names.add(name)
        self._next = max(self._next, index + 1)


@dataclass(frozen=True, slots=True)
class BcfHeader:
    """`text` is the VCF header with its line ends; `fields` names FILTER, INFO and FORMAT entries."""

    text: bytes
    fields: Dictionary
    contigs: Dictionary
    samples: int


def parse_header(data: bytes) -> BcfHeader:
    """Read the text of a BCF's header, which ends at a NUL or with `data`.

    As in htslib's output, IDX= is left out and PASS is declared behind the first line. Raises
    InvalidVcfError.
    """
    text = data.partition(b"\0")[0]
    if not text.startswith(b"##fileformat=VCF"):
        raise InvalidVcfError("The BCF's header does not begin with ##fileformat=VCF.")
    if text.count(b"\n") > MOST_LINES:
        raise InvalidVcfError(f"The header has more than {MOST_LINES:,} lines.")
    fields, contigs = Dictionary(), Dictionary()
    fields.add(b"PASS", 0)
    lines: list[bytes] = []
    for line in text.split(b"\n"):
        if line.startswith(b"#CHROM"):
            lines.append(line)
            break
        kind = _DECLARATION.match(line)
        if kind:
            name, index, line = _declaration(line, kind.end())
            if name == b"PASS" and kind[1] == b"FILTER":
                continue
            if name:
                (contigs if kind[1] == b"contig" else fields).add(name, index)
        if line:
            lines.append(line)
    else:
        raise InvalidVcfError("The BCF's header has no #CHROM line.")
    lines.insert(1, PASS_LINE)
    samples = max(lines[-1].count(b"\t") + 1 - FIXED_COLUMNS, 0)
    return BcfHeader(b"\n".join([*lines, b""]), fields, contigs, samples)


def _declaration(line: bytes, begin: int) -> tuple[bytes, int | None, bytes]:
    """The ID of a declaration, its IDX where it has one, and the line without that.

    The attributes begin at `begin`. Raises InvalidVcfError.
    """
    name, index = b"", None
    for attribute in _ATTRIBUTE.finditer(line, begin):
        key, value = attribute.groups()
        if key == b"ID":
            name = value
        elif key == b"IDX" and index is None:
            index = attribute
    if index is None:
        return name, None, line
    if not _INDEX.fullmatch(index[2]):
        raise InvalidVcfError("An entry of the BCF's header has an IDX that is no index.")
    before, after = line[: index.start()], line[index.end() :]
    kept = before.removesuffix(b",") + after if before.endswith(b",") else before + after.removeprefix(b",")
    return name, int(index[2]), kept
