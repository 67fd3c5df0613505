"""Pages of the records of an annotated file: filtered, from any place on, within bounds of time and bytes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote

from vcfjobs.vrs.bgzf.lines import Batch, Line, read_batches
from vcfjobs.vrs.bgzf.regions import LONGEST_SEQUENCE, Span
from vcfjobs.vrs.digests import ALLELE_PREFIX
from vcfjobs.vrs.normalize import common_prefix, common_suffix
from vcfjobs.vrs.vcf.alleles import is_sequence

KINDS = ("snv", "insertion", "deletion", "mnv", "delins", "symbolic")
FAILED, WITHOUT_ID = "failed", "without_id"
EVERYTHING: Span = (0, 1 << 64)
INFO = 7
MOST_DIGITS = 19

_INTERVAL = re.compile(r"(.+):(\d{1,12})(?:-(\d{1,12}))?")
_PREFIX = re.compile(r"(?:(?:ga4gh:)?VA\.)?([0-9A-Za-z_-]{1,32})")
_END = re.compile(rb"(?:^|;)END=(\d{1,12})(?:;|$)")
_ERROR = b"VRS_Error="


class Region(NamedTuple):
    """A contig, or [start, end) of it, inter-residue."""

    contig: str
    start: int = 0
    end: int = LONGEST_SEQUENCE

    @classmethod
    def parse(cls, text: str) -> Region:
        """`chr7:140753300-140753400`, `chr7:140,753,336` (both 1-based, ends included) or `chr7`.

        Raises ValueError, whose text is for the user.
        """
        text = text.strip()
        match = _INTERVAL.fullmatch(text.replace(",", ""))
        if match is None:
            if not text or re.search(r"\s", text) or text.endswith(":"):
                raise ValueError("A region is written chr7:140753300-140753400, or chr7.")
            return cls(text)
        first = int(match[2])
        last = int(match[3] or first)
        if not 0 < first <= last:
            raise ValueError("A region begins at 1 and does not end before its beginning.")
        return cls(match[1], first - 1, last)

    @property
    def names(self) -> tuple[bytes, ...]:
        """The contig as it was written, then with or without the prefix `chr`."""
        name = self.contig.encode()
        return name, (name.removeprefix(b"chr") if name.startswith(b"chr") else b"chr" + name)


def identifier_prefix(text: str) -> str:
    """The beginning of identifiers: of `ga4gh:VA.…`, `VA.…` or a digest, whole or in part.

    Raises ValueError, whose text is for the user.
    """
    match = _PREFIX.fullmatch(text.strip())
    if match is None:
        raise ValueError("A VRS id is ga4gh:VA. and 32 characters, or their beginning.")
    return ALLELE_PREFIX + match[1]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted: all conditions hold.

    `name` is one of the record's ids, `vrs_id` the beginning of an identifier, `kind` one of KINDS, `only`
    FAILED or WITHOUT_ID; "" is any.
    """

    region: Region | None = None
    name: str = ""
    vrs_id: str = ""
    kind: str = ""
    only: str = ""

    @property
    def needles(self) -> list[bytes]:
        """Texts without which no line is wanted; a block without them is not taken apart."""
        failed = _ERROR if self.only == FAILED else b""
        return [needle for needle in (self.name.encode(), self.vrs_id.encode(), failed) if needle]

    def accepts(self, fields: Sequence[bytes], *, for_ref: bool) -> bool:
        """Whether the record with these columns, the first eight at least, is wanted."""
        info = fields[INFO]
        if self.region and not _overlaps(fields, self.region):
            return False
        if self.name and self.name.encode() not in fields[2].split(b";"):
            return False
        prefix = self.vrs_id.encode()
        if prefix and not any(each.startswith(prefix) for each in _values(info, b"VRS_Allele_IDs")):
            return False
        if self.only == FAILED and not _values(info, b"VRS_Error"):
            return False
        if self.only == WITHOUT_ID and not _lacks_ids(fields, for_ref=for_ref):
            return False
        return not self.kind or self.kind in _kinds(fields)

    def ends_before(self, fields: Sequence[bytes]) -> bool:
        """Whether a record, and so any later one of a sorted contig, lies behind the region."""
        return self.region is not None and _number(fields[1]) > self.region.end


class RecordAllele(NamedTuple):
    """REF (0) or an ALT of a record, its identifier ("" without one), and its attributes where written."""

    number: int
    vrs_id: str
    start: int | None
    end: int | None
    state: str | None
    length: int | None
    repeat_subunit_length: int | None


class Record(NamedTuple):
    """A record; `pos` counts from 1, and is None where it is no number.

    `truncated`: the record is so long that its INFO, or even its ALT, was read in part.
    """

    chrom: str
    pos: int | None
    name: str
    ref: str
    alts: list[str]
    alleles: list[RecordAllele]
    error: str
    truncated: bool


class Place(NamedTuple):
    """Where a record lies; `pos` counts from 1."""

    chrom: str
    pos: int


class Page(NamedTuple):
    """Records in the file's order, and the virtual offset to go on from; None after the last.

    `searched_to` is the last record looked at where a bound ended the page before it was full.
    """

    records: list[Record]
    following: int | None
    searched_to: Place | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a page may cost: bytes of text, and seconds; both are looked at after each block."""

    text_bytes: int = 256 << 20
    seconds: float = 0.5


BOUNDS = Bounds()


def read_page(
    file: BinaryIO,
    wanted: Filter,
    *,
    size: int,
    for_ref: bool,
    after: int = 0,
    spans: Iterable[Span] | None = None,
    bounds: Bounds = BOUNDS,
) -> Page:
    """The first `size` wanted records from the virtual offset `after` on.

    `spans` of a tabix index say where those of a region lie in a sorted file. `for_ref`: the first
    identifier of a record is that of REF. At least one line is read, so a search by pages always ends.
    Raises DamagedStreamError.
    """
    search = _Search(wanted, size, for_ref=for_ref, is_sorted=spans is not None, after=after, bounds=bounds)
    for begin, stop in (EVERYTHING,) if spans is None else spans:
        if max(begin, after) < stop and search.scan(file, max(begin, after), stop):
            break
    return Page(search.records, search.following, search.searched_to)


class _Search:
    """A page that is being filled."""

    def __init__(
        self, wanted: Filter, size: int, *, for_ref: bool, is_sorted: bool, after: int, bounds: Bounds
    ) -> None:
        self.records: list[Record] = []
        self.following: int | None = None
        self.searched_to: Place | None = None
        self._wanted = wanted
        self._needles = wanted.needles
        self._size = size
        self._for_ref = for_ref
        self._is_sorted = is_sorted
        self._done = after  # behind the last line looked at
        self._bounds = bounds
        self._bytes_left = bounds.text_bytes
        self._deadline = time.monotonic() + bounds.seconds

    def scan(self, file: BinaryIO, begin: int, stop: int) -> bool:
        """Look at the lines that start in [begin, stop); whether the page is complete."""
        for batch in read_batches(file, begin):
            if all(needle in batch.text for needle in self._needles):
                for line in batch.lines():
                    if line.start >= stop:
                        return False
                    if self._takes_last(line):
                        return True
            elif batch.end >= stop:
                return False
            self._done = batch.end
            if self._is_spent(batch):
                self.following, self.searched_to = batch.end, _place(batch.last)
                return True
        return False

    def _takes_last(self, line: Line) -> bool:
        """Take a line where it is wanted; whether nothing more is to be looked at."""
        if line.head.startswith(b"#"):
            return False
        fields = line.head.removesuffix(b"\r").split(b"\t", INFO + 1)
        truncated = not line.whole and len(fields) <= INFO + 1
        fields += [b""] * (INFO + 1 - len(fields))
        if self._is_sorted and self._wanted.ends_before(fields):
            return True
        if len(self.records) == self._size:
            self.following = self._done
            return True
        if self._wanted.accepts(fields, for_ref=self._for_ref):
            self.records.append(_record(fields, for_ref=self._for_ref, truncated=truncated))
        self._done = line.end
        return False

    def _is_spent(self, batch: Batch) -> bool:
        self._bytes_left -= len(batch.text)
        return self._bytes_left <= 0 or time.monotonic() > self._deadline


def _record(fields: Sequence[bytes], *, for_ref: bool, truncated: bool) -> Record:
    chrom, pos, name, ref, alt = (field.decode("utf-8", "replace") for field in fields[:5])
    error = b",".join(_values(fields[INFO], b"VRS_Error")).decode("utf-8", "replace")
    return Record(
        chrom,
        _whole_number(pos),
        "" if name == "." else name,
        ref,
        [] if alt == "." else alt.split(","),
        list(_alleles(fields[INFO], for_ref=for_ref)),
        unquote(error),
        truncated,
    )


def _alleles(info: bytes, *, for_ref: bool) -> Iterator[RecordAllele]:
    ids, starts, ends, states, lengths, subunits = (
        [value.decode("utf-8", "replace") for value in _values(info, field)]
        for field in (
            b"VRS_Allele_IDs", b"VRS_Starts", b"VRS_Ends", b"VRS_States", b"VRS_Lengths",
            b"VRS_RepeatSubunitLengths",
        )
    )  # fmt: skip
    for number, vrs_id in enumerate(ids):
        start, end, state, length, subunit = (
            values[number] if number < len(values) else "."
            for values in (starts, ends, states, lengths, subunits)
        )
        yield RecordAllele(
            number if for_ref else number + 1,
            "" if vrs_id == "." else vrs_id,
            _whole_number(start),
            _whole_number(end),
            None if state == "." else state,
            _whole_number(length),
            _whole_number(subunit),
        )


def _values(info: bytes, field: bytes) -> list[bytes]:
    """The values of a field of INFO; [] without it."""
    key = field + b"="
    if key not in info:
        return []
    entry = next((entry for entry in info.split(b";") if entry.startswith(key)), None)
    return [] if entry is None else entry[len(key) :].split(b",")


def _lacks_ids(fields: Sequence[bytes], *, for_ref: bool) -> bool:
    """Whether alleles of the record were to be identified, and none was."""
    if fields[4] == b"." and not for_ref:
        return False
    return all(value == b"." for value in _values(fields[INFO], b"VRS_Allele_IDs"))


def _overlaps(fields: Sequence[bytes], region: Region) -> bool:
    if fields[0] not in region.names:
        return False
    first = _number(fields[1])
    end = _END.search(fields[INFO]) if b"END=" in fields[INFO] else None
    last = max(int(end[1]), first) if end else first + max(1, len(fields[3])) - 1
    return first <= region.end and last > region.start


def _kinds(fields: Sequence[bytes]) -> set[str]:
    """The kind of each ALT."""
    ref = fields[3].upper()
    return {kind_of(ref, alt) for alt in fields[4].upper().split(b",") if alt != b"."}


def kind_of(ref: bytes, alt: bytes) -> str:
    """One of KINDS, or "reference" where nothing changes; what is no sequence of bases is symbolic."""
    if not (is_sequence(ref) and is_sequence(alt)):
        return "symbolic"
    prefix = common_prefix(ref, alt)
    shared = prefix + common_suffix(ref, alt, prefix)
    deleted, inserted = len(ref) - shared, len(alt) - shared
    if deleted and inserted:
        equal = "snv" if deleted == 1 else "mnv"
        return equal if deleted == inserted else "delins"
    if deleted:
        return "deletion"
    return "insertion" if inserted else "reference"


def _place(line: bytes) -> Place | None:
    """The place of a record; None for a line of the header."""
    fields = line.split(b"\t", 2)
    if line.startswith(b"#") or len(fields) < 2:
        return None
    return Place(fields[0].decode("utf-8", "replace"), _number(fields[1]))


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() and len(digits) < MOST_DIGITS else 0


def _whole_number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < MOST_DIGITS else None
