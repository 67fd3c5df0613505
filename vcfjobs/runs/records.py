"""Pages of the records of a run's result."""

from __future__ import annotations

import re
import struct

from isal import igzip

from vcfjobs import storage
from vcfjobs.errors import InvalidCursorError, RunFailureError
from vcfjobs.models import Kind, Run, Status
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError, IsalError
from vcfjobs.vrs.bgzf.lines import is_line_start
from vcfjobs.vrs.bgzf.regions import Span, spans_of
from vcfjobs.vrs.vcf.browse import BOUNDS, Bounds, Filter, Page, Region, read_page

# A virtual offset in hexadecimal.
_CURSOR = re.compile(r"[0-9a-f]{1,16}")


def has_records(run: Run) -> bool:
    """Whether the run has a result whose records can be read."""
    return run.status == Status.SUCCEEDED and run.kind == Kind.ANNOTATE and not run.is_expired


def page_of(run: Run, wanted: Filter, *, size: int, cursor: str = "", bounds: Bounds = BOUNDS) -> Page:
    """A page of a result's records, from a cursor of `cursor_of` on.

    A region is looked up in the tabix index; in a result without one it is searched for.
    Raises InvalidCursorError, and RunFailureError when the file is lost or damaged.
    """
    after = _offset(cursor)
    try:
        with storage.result_path(run.pk, run.attempt).open("rb") as file:
            if not is_line_start(file, after):
                raise InvalidCursorError
            spans = _spans(run, wanted.region) if wanted.region and run.indexed else None
            return read_page(
                file, wanted, size=size, for_ref=run.for_ref, after=after, spans=spans, bounds=bounds
            )
    except FileNotFoundError as error:
        raise RunFailureError("The result is no longer on disk.") from error
    except DamagedStreamError as error:
        raise RunFailureError(error.sentence) from error


def cursor_of(page: Page) -> str:
    """The cursor of the page that follows; "" after the last."""
    return "" if page.following is None else f"{page.following:x}"


def require_cursor(text: str) -> None:
    """Raise InvalidCursorError for what cannot be a cursor of any result."""
    _offset(text)


def _offset(cursor: str) -> int:
    if cursor and not _CURSOR.fullmatch(cursor):
        raise InvalidCursorError
    return int(cursor or "0", 16)


def _spans(run: Run, region: Region) -> list[Span]:
    index = storage.beside(storage.result_path(run.pk, run.attempt), "tbi").read_bytes()
    try:
        inflated: bytes = igzip.decompress(index)  # type: ignore[no-untyped-call]
        return spans_of(inflated, region.names, region.start, region.end)
    except (IsalError, OSError, EOFError, ValueError, struct.error) as error:
        raise RunFailureError("The index of the result is damaged.") from error
