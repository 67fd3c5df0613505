"""Counts that may be bounded or estimated, as people read them."""

from __future__ import annotations

import math

from django import template

from vcfjobs.database.row_counts import Precision, Tally
from vcfjobs.templatetags.figures import grouped

register = template.Library()


@register.filter
def counted(tally: Tally) -> str:
    """A tally: 12 345, about 931 000 (three digits), more than 10 000."""
    if tally.precision is Precision.EXACT:
        return grouped(tally.number)
    if tally.precision is Precision.OVER:
        return f"more than {grouped(tally.number)}"
    digits = max(0, math.floor(math.log10(max(1, tally.number))) - 2)
    return f"about {grouped(round(tally.number, -digits))}"
