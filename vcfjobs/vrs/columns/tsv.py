"""Tab-separated values: a header line, then a line for each row; a missing value is empty.

A value that holds a tab, a line break or a double quote is enclosed in double quotes, and its own double
quotes are doubled, as RFC 4180 does it.
"""

from __future__ import annotations

import re

from vcfjobs.vrs.columns.rows import NAMES, Row

_SPECIAL = re.compile(r'["\t\r\n]')


class TsvEncoder:
    """Rows as UTF-8 lines."""

    def begin(self) -> bytes:
        return ("\t".join(NAMES) + "\n").encode()

    def encode(self, rows: list[Row]) -> bytes:
        text = _lines(rows)
        if '"' in text or "\r" in text or _separators(text) != (len(rows) * (len(NAMES) - 1), len(rows)):
            text = _lines([tuple(map(_quoted, row)) for row in rows])
        return text.encode()

    def end(self) -> bytes:
        return b""


def _lines(rows: list[Row]) -> str:
    return "".join(["\t".join(row) + "\n" for row in rows])


def _separators(text: str) -> tuple[int, int]:
    return text.count("\t"), text.count("\n")


def _quoted(value: str) -> str:
    if not _SPECIAL.search(value):
        return value
    return '"' + value.replace('"', '""') + '"'
