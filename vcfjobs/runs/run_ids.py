"""Which texts may be a run_id, the client's name for a run."""

from __future__ import annotations

import re

from vcfjobs.errors import InvalidParameterError

_VISIBLE_ASCII = re.compile(r"[!-~]{1,255}")


def is_searchable(text: str) -> bool:
    """Whether the text may be looked up in the database: 1 to 255 visible ASCII characters."""
    return bool(_VISIBLE_ASCII.fullmatch(text))


def validate_run_id(text: str) -> None:
    """Raise InvalidParameterError unless `text` can name a run in a URL's path."""
    if not is_searchable(text) or set(text) & set("/?#") or text in (".", ".."):
        raise InvalidParameterError(
            "run_id must be 1 to 255 visible ASCII characters without / ? #, and not . or .."
        )
