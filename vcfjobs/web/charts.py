"""From an engine's report to the geometry of its charts; the templates have the markup.

Boxes are 100 units high and, unless stated otherwise, 100 wide; y points down. The page stretches them, so
they contain no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log1p
from typing import Any

from vcfjobs.vrs.vcf.report import OTHERS

LONGEST_INDEL_SHOWN = 50
# The smallest mark, in units of a box, so that every count is visible.
LEAST_SEEN = 1.0
CONTIGS_SHOWN = 25
MOST_POSITIONS = 200
MOST_MARKS = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar: `width` of 100 is the largest, `share` the fraction of the total."""

    code: str
    count: int
    width: float
    share: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Counts by name, the largest first."""

    title: str
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class Column:
    """A vertical bar and what it counts."""

    label: str
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A count on the vertical axis, and its height."""

    count: int
    y: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Columns on a logarithmic scale: `scale` is on its axis, `ticks` are evenly spaced below.

    `summary` describes it for a screen reader.
    """

    title: str
    summary: str
    columns: list[Column]
    scale: list[Mark]
    ticks: list[str]


@dataclass(frozen=True, slots=True)
class Strip:
    """The outline of the counts along one contig: an SVG path in a box of `Strips.width` by 100."""

    name: str
    count: int
    path: str


@dataclass(frozen=True, slots=True)
class Strips:
    """Contigs in the order of the file, to one scale; `step` bases per unit of width.

    `left_out` contigs are not drawn; `uncounted` means that the engine lumped even more together.
    """

    strips: list[Strip]
    width: int
    step: int
    left_out: int
    uncounted: bool


@dataclass(frozen=True, slots=True)
class Charts:
    """What the page of a run draws; None or empty where there is nothing to draw."""

    alleles: Bars | None
    failures: Bars | None
    without_id: Bars | None
    indels: Histogram | None
    positions: Strips | None

    @property
    def nothing(self) -> bool:
        """Whether there is nothing at all to draw."""
        return not (self.alleles or self.failures or self.without_id or self.indels or self.positions)


def charts_of(report: Mapping[str, Any]) -> Charts:
    """The charts of what `vrs.report.Report.to_json` wrote."""
    return Charts(
        alleles=bars("Alleles by type", report["alleles"]),
        failures=bars("Records that failed, by reason", report["failed"]),
        without_id=bars("Alleles without an identifier", report["without_id"]),
        indels=indel_lengths(report["deletion_lengths"], report["insertion_lengths"]),
        positions=along_contigs(report["positions"], report["bin_bases"]),
    )


def bars(title: str, counts: Mapping[str, int]) -> Bars | None:
    """Bars of the counts above zero; None when there are none."""
    known = sorted(((name, count) for name, count in counts.items() if count), key=lambda pair: -pair[1])
    if not known:
        return None
    total, largest = sum(count for _, count in known), known[0][1]
    drawn = [Bar(name, count, _seen(count, largest), count / total) for name, count in known]
    return Bars(title, drawn)


def indel_lengths(deletions: Mapping[str, int], insertions: Mapping[str, int]) -> Histogram | None:
    """Deletions to the left, insertions to the right, in bases; the outermost columns count longer ones."""
    counts = {size: 0 for size in range(-LONGEST_INDEL_SHOWN - 1, LONGEST_INDEL_SHOWN + 2) if size}
    for sign, lengths in ((-1, deletions), (1, insertions)):
        for size, count in lengths.items():
            counts[sign * min(int(size), LONGEST_INDEL_SHOWN + 1)] += count
    if not any(counts.values()):
        return None
    ticks = [f"\u2212{LONGEST_INDEL_SHOWN}", "deletions", "0", "insertions", f"+{LONGEST_INDEL_SHOWN}"]
    deleted = sum(count for size, count in counts.items() if size < 0)
    inserted = sum(counts.values()) - deleted
    summary = f"{deleted:,} deletions to the left, {inserted:,} insertions to the right"
    highest = max(counts.values())
    return Histogram("Indel lengths, in bases", summary, _columns(counts, highest), _scale(highest), ticks)


def _columns(counts: Mapping[int, int], highest: int) -> list[Column]:
    width = 100 / len(counts)
    return [
        Column(
            label=_length(size),
            count=count,
            x=round(number * width, 3),
            y=_depth(count, highest),
            width=round(width, 3),
            height=_per_cent(log1p(count), log1p(highest)),
        )
        for number, (size, count) in enumerate(counts.items())
        if count
    ]


def _scale(highest: int) -> list[Mark]:
    """Powers of ten up to the highest count, four at most."""
    powers = range(len(str(highest)))
    step = -(-len(powers) // MOST_MARKS)
    return [Mark(10**power, _depth(10**power, highest)) for power in powers[::step]]


def _depth(count: int, highest: int) -> float:
    """How far below the top of the box a count is."""
    return round(100 - _per_cent(log1p(count), log1p(highest)), 2)


def _length(size: int) -> str:
    kind = "deletion" if size < 0 else "insertion"
    bases = f"over {LONGEST_INDEL_SHOWN}" if abs(size) > LONGEST_INDEL_SHOWN else str(abs(size))
    return f"{kind} of {bases}"


def along_contigs(positions: Mapping[str, Mapping[str, int]], bin_bases: int) -> Strips | None:
    """Records per bin of the first contigs, to the scale of the longest contig and the fullest bin."""
    named = {name: bins for name, bins in positions.items() if name != OTHERS}
    shown = [(name, _numbered(bins)) for name, bins in list(named.items())[:CONTIGS_SHOWN] if bins]
    if not shown:
        return None
    grouped = -(-(max(max(bins) for _, bins in shown) + 1) // MOST_POSITIONS)
    shown = [(name, _regrouped(bins, grouped)) for name, bins in shown]
    highest = max(max(bins.values()) for _, bins in shown)
    return Strips(
        strips=[Strip(name, sum(bins.values()), _outline(bins, highest)) for name, bins in shown],
        width=max(max(bins) for _, bins in shown) + 1,
        step=bin_bases * grouped,
        left_out=len(named) - len(shown),
        uncounted=OTHERS in positions,
    )


def _numbered(bins: Mapping[str, int]) -> dict[int, int]:
    return {int(number): count for number, count in bins.items()}


def _regrouped(bins: Mapping[int, int], size: int) -> dict[int, int]:
    grouped: dict[int, int] = {}
    for number, count in bins.items():
        grouped[number // size] = grouped.get(number // size, 0) + count
    return grouped


def _outline(bins: Mapping[int, int], highest: int) -> str:
    """One closed box per bin, on the base line."""
    heights = ((number, _seen(count, highest)) for number, count in sorted(bins.items()))
    return "".join(f"M{number} 100v-{height:g}h1v{height:g}z" for number, height in heights)


def _seen(part: float, whole: float) -> float:
    return max(LEAST_SEEN, _per_cent(part, whole))


def _per_cent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
