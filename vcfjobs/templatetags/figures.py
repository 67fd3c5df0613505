"""Figures as people read them."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone

from vcfjobs.web.charts import WORDS

register = template.Library()

THIN_SPACE = "\u202f"  # that no line breaks at
AGES = ((86_400, "d"), (3_600, "h"), (60, "min"))


@register.filter
def grouped(number: float | None) -> str:
    """A count with its digits in groups of three: 1234567 -> 1 234 567 (narrow spaces)."""
    return "" if number is None else f"{round(number):,}".replace(",", THIN_SPACE)


@register.filter
def lasting(seconds: float | None) -> str:
    """A duration: 0.42 -> 0.4 s, 75 -> 1 min 15 s, 3725 -> 1 h 2 min."""
    if seconds is None:
        return ""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@register.filter
def roughly(seconds: float) -> str:
    """A duration that is guessed, in one unit or two: 42 s, 3 min, 2 h 10 min."""
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else lasting(60 * minutes)


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago, in its largest unit: 45 s, 12 min, 3 h, 5 d."""
    if moment is None:
        return ""
    seconds = max(0, round((timezone.now() - moment).total_seconds()))
    return next((f"{seconds // unit} {name}" for unit, name in AGES if seconds >= unit), f"{seconds} s")


@register.filter
def percent(fraction: float) -> str:
    """A fraction of 0 to 1 in whole per cent; 0 % only for nothing, 100 % only for the whole."""
    return "<1 %" if 0 < fraction < 0.01 else f"{int(round(fraction * 100, 6))} %"


@register.filter
def in_words(code: str) -> str:
    """What the engine's name for a kind of allele or failure means."""
    return WORDS.get(code, code)
