"""A page as a test reads it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any


def markup(response: Any) -> str:
    """The page as it was sent, but for the spans that group digits: the numbers as they are copied."""
    return re.sub(r'<span class="k">(\d{3})</span>', r"\1", response.content.decode())


def words(response: Any) -> str:
    """The same, entities resolved, white space in one."""
    return re.sub(r"[ \n]+", " ", unescape(markup(response)))


def link(response: Any, name: str) -> str:
    """The address that the link with this id leads to; "" without such a link."""
    found = re.search(rf'<a id="{name}" href="([^"]*)"', response.content.decode())
    return unescape(found.group(1)) if found else ""
