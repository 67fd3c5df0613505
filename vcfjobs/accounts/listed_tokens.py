"""The bearer tokens of ANYVAR_AUTH_TOKEN_LIST: each a token, or `name:token`."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):(.+)", re.DOTALL)


def owner_of(text: str, entries: Iterable[str]) -> str | None:
    """The owner of the runs of whoever bears `text`: `token:` and the entry's name, else a digest.

    None when no entry has this token. All entries are compared, each in constant time. The bearer of a named
    entry may also send it as a whole: it was one token before entries had names.
    """
    owner = None
    for entry in entries:
        named = NAMED.fullmatch(entry)
        tokens = [entry, named[2]] if named else [entry]
        matches = [hmac.compare_digest(text.encode(), token.encode()) for token in tokens]
        if any(matches):
            owner = f"token:{named[1] if named else digest_of(entry)}"
    return owner


def names(entries: Iterable[str]) -> set[str]:
    """The names that the entries have."""
    return {named[1] for entry in entries if (named := NAMED.fullmatch(entry))}


def digest_of(token: str) -> str:
    """The 16 hexadecimal digits that stand for a token without a name."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]
