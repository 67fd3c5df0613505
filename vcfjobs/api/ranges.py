"""Bytes as an answer, whole or in part: ranges, validators, HEAD.

Never Content-Encoding: several common clients stop silently after BGZF's first gzip member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe
from rest_framework.request import Request

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Content:
    """What can be read in part.

    `read` gives the bytes [start, stop) in pieces, of `size` in all; `tag` changes with the bytes, which were
    last modified at `modified`, in seconds since 1970.
    """

    read: Callable[[int, int], Iterator[bytes]]
    size: int
    media_type: str
    file_name: str
    tag: str
    modified: int


def answer(request: Request, content: Content) -> HttpResponseBase:
    """200, 206, 304, 412 or 416."""
    etag, modified, size = f'"{content.tag}"', content.modified, content.size
    asked = _range(request, size, etag, modified)
    start, stop = asked or (0, size)
    response: HttpResponseBase | None = get_conditional_response(request._request, etag, modified)
    if response is None and asked and start >= stop:
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    elif response is None:
        pieces = content.read(start, stop)
        response = HttpResponse() if request.method == "HEAD" else StreamingHttpResponse(pieces)
        if asked:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        response.headers["Content-Length"] = str(stop - start)
        response.headers["Content-Type"] = content.media_type
        name = content_disposition_header(as_attachment=True, filename=content.file_name)
        response.headers["Content-Disposition"] = name or "attachment"
    response.headers["ETag"] = etag
    response.headers["Last-Modified"] = http_date(modified)
    response.headers["Accept-Ranges"] = "bytes"
    return response


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
