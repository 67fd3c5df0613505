"""Figures and codes as people read them."""

from __future__ import annotations

import math
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from vcfjobs.database.row_counts import Precision, Tally

register = template.Library()

# Characters of a sequence.
LONGEST_UNFOLDED = 16
LONGEST_SHOWN = 2_000
AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))
WORDS = {
    "snv": "SNV",
    "mnv": "MNV",
    "delins": "Deletion-insertion",
    "insertion": "Insertion",
    "deletion": "Deletion",
    "reference": "REF allele",
    "reference_mismatch": "REF differs from the reference",
    "position_outside_contig": "Position outside the contig",
    "star": "* (overlapping deletion)",
    "symbolic": "Symbolic, such as <DEL>",
    "breakend": "Breakend",
    "other": "Not a sequence of bases",
    "identifier_not_of_its_attributes": "Identifier does not match its attributes",
    "malformed_annotation": "Unreadable VRS fields",
}


@register.filter
def grouped(number: float) -> SafeString:
    """A count in groups of three digits, set apart by CSS, so that the bare number is copied."""
    first, *groups = f"{round(number):,}".split(",")
    return format_html("{}{}", first, format_html_join("", '<span class="k">{}</span>', zip(groups)))


@register.filter
def counted(tally: Tally) -> SafeString:
    """A tally: 12 345, about 931 000 (three digits), more than 10 000."""
    if tally.precision is Precision.EXACT:
        return grouped(tally.number)
    if tally.precision is Precision.OVER:
        return format_html("more than {}", grouped(tally.number))
    digits = max(0, math.floor(math.log10(max(1, tally.number))) - 2)
    return format_html("about {}", grouped(round(tally.number, -digits)))


@register.filter
def lasting(seconds: float) -> str:
    """A duration: 0.42 -> 0.4 s, 75 -> 1 min 15 s, 3725 -> 1 h 2 min."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@register.filter
def roughly(seconds: float) -> str:
    """An estimated duration in one unit or two: 42 s, 3 min, 2 h 10 min."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else lasting(60 * minutes)


@register.filter
def nth(number: int) -> str:
    """A place: 1st, 2nd, 3rd, 11th, 1,022nd."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


@register.filter
def age(moment: datetime) -> str:
    """How long ago, in the largest unit: 45 s, 12 min, 3 h, 5 d."""
    seconds = max(0, round((timezone.now() - moment).total_seconds()))
    return next((f"{seconds // unit} {name}" for unit, name in AGES if seconds >= unit), f"{seconds} s")


@register.filter
def percent(fraction: float) -> str:
    """A fraction of 0 to 1 in whole per cent; a small fraction is <1 %, never 0 %."""
    return "<1 %" if 0 < fraction < 0.01 else f"{int(round(fraction * 100, 6))} %"


@register.filter
def in_words(code: str) -> str:
    """The engine's name for a kind of allele or failure, in words."""
    return WORDS.get(code, code)


@register.filter
def bases(text: str) -> SafeString:
    """A text of a record: a dash for nothing, folded where it is long, and at most LONGEST_SHOWN of it."""
    if text in ("", "."):
        return SafeString("–")  # noqa: RUF001
    if len(text) <= LONGEST_UNFOLDED:
        return format_html('<span class="bases">{}</span>', text)
    return format_html(
        '<details class="bases"><summary>{}… '
        '<small>({}<span class="visually-hidden"> characters</span>)</small>'
        "</summary><code>{}{}</code></details>",
        text[:12],
        grouped(len(text)),
        text[:LONGEST_SHOWN],
        "…" if len(text) > LONGEST_SHOWN else "",
    )
