"""From an engine's report to the geometry of its charts; the templates hold the markup.

Bars lie in a box of 100 units' width, columns in one of 100 by 100: the page stretches the boxes, so no
text is inside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bar:
    """A horizontal bar: `width` of 100 is the largest, `share` the fraction of the total."""

    label: str
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
    """A vertical bar in a box of 100 by 100, y downwards."""

    label: str
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Columns:
    """Counts along an axis; `ticks` are the labels below it, spread evenly."""

    title: str
    columns: list[Column]
    highest: int
    ticks: list[str]


def bars(title: str, counts: Mapping[str, int]) -> Bars | None:
    """Bars of the counts above zero; None when there are none."""
    known = sorted(((name, count) for name, count in counts.items() if count), key=lambda pair: -pair[1])
    if not known:
        return None
    total, largest = sum(count for _, count in known), known[0][1]
    return Bars(
        title,
        [Bar(name, count, round(100 * count / largest, 2), count / total) for name, count in known],
    )


def columns(title: str, labelled: list[tuple[str, int]], ticks: list[str]) -> Columns | None:
    """Columns side by side, in the order given; None when all are empty."""
    highest = max((count for _, count in labelled), default=0)
    if not highest:
        return None
    step = 100 / len(labelled)
    drawn = [
        Column(
            label=label,
            count=count,
            x=round(place * step, 3),
            y=round(100 - 100 * count / highest, 3),
            width=round(step, 3),
            height=round(100 * count / highest, 3),
        )
        for place, (label, count) in enumerate(labelled)
    ]
    return Columns(title, drawn, highest, ticks)


def charts_of(report: Mapping[str, Any] | None) -> list[Bars | Columns]:
    """The charts of a run's report; none before it has one."""
    return []
