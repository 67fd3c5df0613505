"""Newline-delimited JSON: an object for each row with every column as a member; a missing value is null."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from vcfjobs.vrs.columns.rows import NAMES, NUMBERS, Row

_OBJECT = "{" + ",".join(f'"{name}":%s' for name in NAMES) + "}\n"
_quoted: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


class NdjsonEncoder:
    """Rows as lines of UTF-8."""

    def begin(self) -> bytes:
        return b""

    def encode(self, rows: list[Row]) -> bytes:
        if not rows:
            return b""
        columns = map(_values, NAMES, zip(*rows, strict=True))
        return "".join([_OBJECT % row for row in zip(*columns, strict=True)]).encode()

    def end(self) -> bytes:
        return b""


def _values(name: str, column: Iterable[str]) -> list[str]:
    """The JSON text of each value."""
    if name in NUMBERS:
        return [value or "null" for value in column]
    # A column mostly has the same few values, or none that needs an escape.
    written = {value: _quoted(value) if value else "null" for value in set(column)}
    return [written[value] for value in column]
