"""Sequences in a page: short ones inline, long ones folded and shortened."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()

WHOLE = 16
SHOWN = 12
UNFOLDED = 2_000


@register.inclusion_tag("vcfjobs/bases.html")
def bases(text: str, cut: bool = False) -> dict[str, Any]:
    """A sequence, or the text of another column; `cut` means that it is incomplete."""
    text = "" if text == "." else text
    whole = len(text) <= WHOLE and not cut
    return {
        "text": text,
        "whole": whole,
        "shown": text if whole else text[:SHOWN],
        "longer": text[:UNFOLDED],
        "more": cut or len(text) > UNFOLDED,
        "cut": cut,
        "size": len(text),
    }
