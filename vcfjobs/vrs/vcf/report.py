"""What one pass over a file, or over a part of one, found: mergeable, bounded, and JSON.

Merging the reports of consecutive parts gives the report of the whole, so shards add up. Whatever a file
may hold, a report stays small: names, places and bins are counted up to a limit, the rest in one sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

FAILURES_KEPT = 1000
NAMES_KEPT = 1000
CONTIGS_BINNED = 200
BINS_KEPT = 512
CONTIGS_ORDERED = 5_000
LONGEST_NAME = 255
LONGEST_BASES = 50
BIN_SHIFT = 20  # bins of 2^20 bases
WINDOW_SHIFT = 14  # tabix's windows of 2^14 bases; the human genome has 190,000
MOST_WINDOWS = 2_000_000
EXACT_LENGTHS = 50
OTHERS = "(others)"


class Failure(NamedTuple):
    """A record without an identifier; the bases are those of the file and of the reference, at most 50."""

    chrom: str
    pos: int
    reason: str
    ref: str = ""
    reference: str = ""


@dataclass(slots=True)
class Report:
    """Counts over records and alleles; positions are POS - 1, counted from 0."""

    records: int = 0
    resolved: int = 0
    records_without_ids: int = 0  # of those of which an identifier was asked for
    alleles: Counter[str] = field(default_factory=Counter)
    insertion_lengths: Counter[int] = field(default_factory=Counter)
    deletion_lengths: Counter[int] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    unknown_contigs: Counter[str] = field(default_factory=Counter)
    without_id: Counter[str] = field(default_factory=Counter)
    positions: dict[str, Counter[int]] = field(default_factory=dict)
    replaced: str = ""
    vrs_version: str = ""  # of the identifiers; a part of a file and older releases leave it out
    order: list[str] | None = field(default_factory=list)
    first_position: int = -1
    last_position: int = -1
    windows: int = 0  # of a tabix index, for the contigs that are complete
    seen: set[str] = field(default_factory=set, compare=False, repr=False)  # the contigs in `order`

    @property
    def sorted(self) -> bool:
        """Whether records are sorted by position within contigs that each come once (tabix can index)."""
        return self.order is not None

    @property
    def indexable(self) -> bool:
        """Whether tabix can index the file, and the index stays small: contigs are few or end early."""
        return self.sorted and self.windows + _windows_to(self.last_position) <= MOST_WINDOWS

    def merge(self, later: Self) -> None:
        """Add the report of the part that follows this one."""
        for name in ("alleles", "insertion_lengths", "deletion_lengths", "failed", "without_id"):
            getattr(self, name).update(getattr(later, name))
        self._merge_order(later)
        self.records += later.records
        self.resolved += later.resolved
        self.records_without_ids += later.records_without_ids
        self.failures += later.failures[: FAILURES_KEPT - len(self.failures)]
        self.replaced = self.replaced or later.replaced
        self.vrs_version = self.vrs_version or later.vrs_version
        for name, count in later.unknown_contigs.items():
            self.count_unknown(name, count)
        for contig, bins in later.positions.items():
            self._merge_bins(contig, bins)

    def count_unknown(self, contig: str, count: int = 1) -> None:
        """Count records of a contig that the assembly does not have."""
        known = contig in self.unknown_contigs or len(self.unknown_contigs) < NAMES_KEPT
        self.unknown_contigs[contig[:LONGEST_NAME] if known else OTHERS] += count

    def count_failure(
        self, contig: str, position: int, reason: str, ref: str = "", reference: str = ""
    ) -> None:
        """Count a record without an identifier: its POS, its REF, and the reference's bases there."""
        self.failed[reason] += 1
        if len(self.failures) < FAILURES_KEPT:
            bases = (ref[:LONGEST_BASES], reference[:LONGEST_BASES])
            self.failures.append(Failure(contig[:LONGEST_NAME], position, reason, *bases))

    def count_indel(self, kind: str, size: int) -> None:
        """Count an insertion or a deletion of `size` bases."""
        lengths = self.insertion_lengths if kind == "insertion" else self.deletion_lengths
        lengths[length_bin(size)] += 1

    def count_positions(self, contig: str, starts: Sequence[int]) -> None:
        """Note consecutive records of one contig: where they lie, and whether they are sorted."""
        ordered = sorted(starts)
        bins = _binned(ordered)
        self.count_stretch(contig, starts[0], starts[-1], bins, in_order=ordered == starts)

    def count_stretch(
        self, contig: str, first: int, last: int, bins: Counter[int], *, in_order: bool
    ) -> None:
        """Note consecutive records of one contig: the first and last position, and how many per bin."""
        part = Report(first_position=first, last_position=last)
        part.order = [contig] if in_order and len(contig) <= LONGEST_NAME else None
        self._merge_order(part)
        self._merge_bins(contig[:LONGEST_NAME], bins)

    def _merge_bins(self, contig: str, bins: Counter[int]) -> None:
        if contig not in self.positions and len(self.positions) >= CONTIGS_BINNED:
            contig = OTHERS
        mine = self.positions.setdefault(contig, Counter())
        mine.update(bins)
        if len(mine) > BINS_KEPT:  # positions beyond any real contig: one last bin for the rest
            kept = sorted(mine)[: BINS_KEPT - 1]
            rest = mine.total() - sum(mine[number] for number in kept)
            self.positions[contig] = Counter({number: mine[number] for number in kept} | {BINS_KEPT: rest})

    def _merge_order(self, later: Report) -> None:
        if later.order == []:
            return
        if self.order == []:
            self.first_position = later.first_position
        if self.order is not None:
            self._append_order(later)
        self.last_position = later.last_position

    def _append_order(self, later: Report) -> None:
        """Append the contigs of the part that follows; give the order up when the whole is not sorted."""
        added = later.order
        if added and self.order and self.order[-1] == added[0]:
            added = added[1:] if later.first_position >= self.last_position else None
        if added is None or len(self.seen) + len(added) > CONTIGS_ORDERED or not self.seen.isdisjoint(added):
            self.order = None
            self.windows = 0
            self.seen.clear()
        elif self.order is not None:
            same = len(added) < len(later.order or ())
            self.windows += later.windows + (0 if same else _windows_to(self.last_position))
            self.order += added
            self.seen.update(added)

    def to_json(self) -> dict[str, Any]:
        """Members that JSON can hold; the keys of counters become text."""
        return {
            "records": self.records,
            "resolved": self.resolved,
            "records_without_ids": self.records_without_ids,
            "alleles": dict(self.alleles),
            "insertion_lengths": _with_text_keys(self.insertion_lengths),
            "deletion_lengths": _with_text_keys(self.deletion_lengths),
            "failed": dict(self.failed),
            "failures": [list(failure) for failure in self.failures],
            "unknown_contigs": dict(self.unknown_contigs),
            "without_id": dict(self.without_id),
            "bin_bases": 1 << BIN_SHIFT,
            "positions": {contig: _with_text_keys(bins) for contig, bins in self.positions.items()},
            "replaced": self.replaced,
            "vrs_version": self.vrs_version,
            "sorted": self.sorted,
            "order": self.order,
            "first_position": self.first_position,
            "last_position": self.last_position,
            "windows": self.windows,
        }

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> Self:
        """The report that `to_json` wrote, in this release or in one that did not count the records."""
        uncounted = members["records"] - members["resolved"] + sum(members["failed"].values())
        return cls(
            records=members["records"],
            resolved=members["resolved"],
            records_without_ids=members.get("records_without_ids", uncounted),
            alleles=Counter(members["alleles"]),
            insertion_lengths=_with_number_keys(members["insertion_lengths"]),
            deletion_lengths=_with_number_keys(members["deletion_lengths"]),
            failed=Counter(members["failed"]),
            failures=[Failure(*failure) for failure in members["failures"]],
            unknown_contigs=Counter(members["unknown_contigs"]),
            without_id=Counter(members["without_id"]),
            positions={contig: _with_number_keys(bins) for contig, bins in members["positions"].items()},
            replaced=members["replaced"],
            vrs_version=members.get("vrs_version", ""),  # a shard may have ended before an upgrade
            order=members["order"],
            first_position=members["first_position"],
            last_position=members["last_position"],
            windows=members["windows"],
            seen=set(members["order"] or ()),
        )


def length_bin(size: int) -> int:
    """The bin of an indel's length: exact up to 50, above that the power of two at or below it (or 51)."""
    return size if size <= EXACT_LENGTHS else max(EXACT_LENGTHS + 1, 1 << (size.bit_length() - 1))


def _windows_to(position: int) -> int:
    """How many windows a tabix index has for a contig whose last record lies at `position`."""
    return (position >> WINDOW_SHIFT) + 1


def _binned(ordered: Sequence[int]) -> Counter[int]:
    """Records per bin of sorted positions: one bisection a bin where they lie close together."""
    first, last = ordered[0] >> BIN_SHIFT, ordered[-1] >> BIN_SHIFT
    if first == last:
        return Counter({first: len(ordered)})
    return Counter([position >> BIN_SHIFT for position in ordered])


def _with_text_keys(counts: Counter[int]) -> dict[str, int]:
    return {str(key): count for key, count in sorted(counts.items())}


def _with_number_keys(counts: dict[str, int]) -> Counter[int]:
    return Counter({int(key): count for key, count in counts.items()})
