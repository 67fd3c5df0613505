"""From an engine's report to the geometry of its charts; the templates have the markup.

Boxes are 100 units high, and y points down. The page stretches them, so they contain no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import log1p
from typing import Any, NamedTuple

from vcfjobs.vrs.vcf.report import EXACT_LENGTHS, OTHERS

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
class Column:
    """A vertical bar, one unit wide, and what it counts."""

    label: str
    count: int
    x: int
    y: float
    height: float


class Histogram(NamedTuple):
    """Columns side by side on a logarithmic scale; `marks` are the counts on its axis and where they are.

    `summary` describes it for a screen reader; indels above `longest` bases share the outermost columns.
    """

    summary: str
    longest: int
    columns: list[Column]
    marks: list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Strip:
    """The outline of the counts along one contig: an SVG path in a box of `Strips.width` by 100."""

    name: str
    count: int
    path: str


class Strips(NamedTuple):
    """Contigs in the order of the file, to one scale; `step` bases per unit of width.

    `left_out` contigs are not drawn; `uncounted` means that the engine lumped even more together.
    """

    strips: list[Strip]
    width: int
    step: int
    left_out: int
    uncounted: bool


class Charts(NamedTuple):
    """What the page of a run draws; None or empty where there is nothing to draw."""

    alleles: list[Bar]
    failures: list[Bar]
    without_id: list[Bar]
    indels: Histogram | None
    positions: Strips | None


def charts_of(report: Mapping[str, Any]) -> Charts:
    """The charts of what `vrs.report.Report.to_json` wrote."""
    return Charts(
        alleles=bars(report["alleles"]),
        failures=bars(report["failed"]),
        without_id=bars(report["without_id"]),
        indels=indel_lengths(report["deletion_lengths"], report["insertion_lengths"]),
        positions=along_contigs(report["positions"], report["bin_bases"]),
    )


def bars(counts: Mapping[str, int]) -> list[Bar]:
    """Bars of the counts above zero, the largest first."""
    known = Counter({name: count for name, count in counts.items() if count}).most_common()
    total = sum(count for _, count in known)
    return [Bar(name, count, _seen(count, known[0][1]), count / total) for name, count in known]


def indel_lengths(deletions: Mapping[str, int], insertions: Mapping[str, int]) -> Histogram | None:
    """Deletions to the left, insertions to the right, in bases; the outermost columns count longer ones."""
    outermost = EXACT_LENGTHS + 1
    counts = {size: 0 for size in range(-outermost, outermost + 1) if size}
    for sign, lengths in ((-1, deletions), (1, insertions)):
        for size, count in lengths.items():
            counts[sign * min(int(size), outermost)] += count
    highest = max(counts.values())
    if not highest:
        return None
    columns = []
    for number, (bases, count) in enumerate(counts.items()):
        if count:
            y = _depth(count, highest)
            columns.append(Column(_length(bases), count, number, y, round(100 - y, 2)))
    # Powers of ten up to the highest count, MOST_MARKS at most.
    powers = range(len(str(highest)))
    shown = [10**power for power in powers[:: -(-len(powers) // MOST_MARKS)]]
    marks = [(count, _depth(count, highest)) for count in shown]
    summary = (
        f"{sum(deletions.values()):,} deletions to the left, "
        f"{sum(insertions.values()):,} insertions to the right"
    )
    return Histogram(summary, EXACT_LENGTHS, columns, marks)


def _depth(count: int, highest: int) -> float:
    """How far below the top of the box a count is."""
    return round(100 - _per_cent(log1p(count), log1p(highest)), 2)


def _length(size: int) -> str:
    kind = "deletion" if size < 0 else "insertion"
    bases = f"over {EXACT_LENGTHS}" if abs(size) > EXACT_LENGTHS else str(abs(size))
    return f"{kind} of {bases}"


def along_contigs(positions: Mapping[str, Mapping[str, int]], bin_bases: int) -> Strips | None:
    """Records per bin of the first contigs, to the scale of the longest contig and the fullest bin."""
    named = [name for name in positions if name != OTHERS]
    shown = {name: positions[name] for name in named[:CONTIGS_SHOWN] if positions[name]}
    if not shown:
        return None
    last = max(int(number) for bins in shown.values() for number in bins)
    grouped = last // MOST_POSITIONS + 1
    counts = {name: _regrouped(bins, grouped) for name, bins in shown.items()}
    highest = max(max(bins.values()) for bins in counts.values())
    return Strips(
        strips=[Strip(name, bins.total(), _outline(bins, highest)) for name, bins in counts.items()],
        width=last // grouped + 1,
        step=bin_bases * grouped,
        left_out=len(named) - len(shown),
        uncounted=OTHERS in positions,
    )


def _regrouped(bins: Mapping[str, int], size: int) -> Counter[int]:
    grouped = Counter[int]()
    for number, count in bins.items():
        grouped[int(number) // size] += count
    return grouped


def _outline(bins: Mapping[int, int], highest: int) -> str:
    """One closed box per bin, on the base line."""
    heights = ((number, _seen(count, highest)) for number, count in sorted(bins.items()))
    return "".join(f"M{number} 100v-{height:g}h1v{height:g}z" for number, height in heights)


def _seen(part: float, whole: float) -> float:
    return max(LEAST_SEEN, _per_cent(part, whole))


def _per_cent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
