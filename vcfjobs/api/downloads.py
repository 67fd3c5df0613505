"""Files as answers: ranges, validators, HEAD; BGZF as it lies there, or its text decompressed on the way.

Files are opened before the answer begins, so an expiry during a download does not cut it. Never
Content-Encoding: several common clients stop silently after BGZF's first gzip member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe
from rest_framework.request import Request

from vcfjobs.vrs.bgzf.files import BgzfReader, read_gzi

PIECE_BYTES = 1 << 18
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Representation:
    """Something to download: its size in bytes, its validators, and its bytes [start, stop)."""

    size: int
    etag: str
    modified: datetime
    content_type: str
    file_name: str
    read: Callable[[int, int], Iterator[bytes]]
    close: Callable[[], None]


def answer(
    request: Request, what: Representation, on_complete: Callable[[], None] | None = None
) -> HttpResponseBase:
    """200, 206, 304, 412 or 416. `on_complete` is called after the last byte of the whole was sent."""
    etag, modified = f'"{what.etag}"', int(what.modified.timestamp())
    response: HttpResponseBase | None = get_conditional_response(request._request, etag, modified)
    if response is None:
        response = _body(request, what, etag, modified, on_complete)
    else:
        what.close()
    response.headers["ETag"] = etag
    response.headers["Last-Modified"] = http_date(modified)
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _body(
    request: Request, what: Representation, etag: str, modified: int, on_complete: Callable[[], None] | None
) -> HttpResponseBase:
    asked = _range(request, what.size, etag, modified)
    if asked is not None and asked[0] >= asked[1]:
        what.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{what.size}"})
    start, stop = asked or (0, what.size)
    response: HttpResponseBase
    if request.method == "HEAD":
        what.close()
        response = HttpResponse()
    else:
        response = StreamingHttpResponse(_pieces(what, start, stop, on_complete))
        response._resource_closers.append(what.close)
    if asked is not None:
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{what.size}"
    response.headers["Content-Type"] = what.content_type
    response.headers["Content-Length"] = str(stop - start)
    if disposition := content_disposition_header(as_attachment=True, filename=what.file_name):
        response.headers["Content-Disposition"] = disposition
    return response


def _pieces(
    what: Representation, start: int, stop: int, on_complete: Callable[[], None] | None
) -> Iterator[bytes]:
    yield from what.read(start, stop)
    if on_complete is not None and stop - start == what.size:
        on_complete()


def _range(request: Request, size: int, etag: str, modified: int) -> tuple[int, int] | None:
    """The bytes [start, stop) asked for; None for the whole; an empty interval for 416.

    Several ranges in one request are answered by the whole, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    condition = request.headers.get("If-Range", etag)
    by_date = not condition.startswith('"')
    is_current = parse_http_date_safe(condition) == modified if by_date else condition == etag
    if match is None or not is_current:
        return None
    first, last = match.groups()
    if first:
        start = int(first)
        stop = min(size, int(last) + 1) if last else size
        return None if last and int(last) < start else (start, stop)
    return (max(0, size - int(last)), size) if last else None


def raw_reader(file: BinaryIO) -> Callable[[int, int], Iterator[bytes]]:
    """The bytes of a file."""

    def read(start: int, stop: int) -> Iterator[bytes]:
        file.seek(start)
        left = stop - start
        while left and (piece := file.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece

    return read


def text_reader(file: BinaryIO, blocks: Path) -> Callable[[int, int], Iterator[bytes]]:
    """The decompressed bytes of a BGZF file, found by its block index."""
    with blocks.open("rb") as index:
        return BgzfReader(file, read_gzi(index)).read_range
