"""The files of a succeeded run as answers: ranges, validators, HEAD.

Files are opened before the answer begins, so an expiry during a download does not cut it. Never
Content-Encoding: several common clients stop silently after BGZF's first gzip member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe
from rest_framework.request import Request

from vcfjobs import storage
from vcfjobs.errors import RunFailureError, RunNotFoundError
from vcfjobs.models import Run
from vcfjobs.runs import lifecycle
from vcfjobs.vrs.bgzf.files import BgzfReader, read_gzi

PIECE_BYTES = 1 << 18
# The media type of each form of a file, and the end of its name.
FORMS = {
    "bgzf": ("application/gzip", "vcf.gz"),
    "text": ("text/plain; charset=utf-8", "vcf"),
    "tbi": ("application/octet-stream", "vcf.gz.tbi"),
    "csv": ("text/csv; charset=utf-8", "csv"),
}
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SUFFIXES = re.compile(r"(\.vcf|\.bcf)?(\.b?gz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.+-]+")


def answer(request: Request, run: Run, form: str) -> HttpResponseBase:
    """200, 206, 304, 412 or 416, with the result in one of FORMS; "csv" is that of a validation.

    The run counts as fetched after the last byte of a whole file, its index excepted. Raises
    RunNotFoundError where the result has no index, and RunFailureError when the file is lost.
    """
    file, read, size = _open(run, form)
    etag, modified = f'"{run.result_sha256[:32]}-{form}"', int((run.finished or run.created).timestamp())
    asked = _range(request, size, etag, modified)
    start, stop = asked or (0, size)
    response: HttpResponseBase | None = get_conditional_response(request._request, etag, modified)
    if response is None and asked and start >= stop:
        response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    elif response is None:
        pieces = read(start, stop)
        if stop - start == size and form != "tbi":
            pieces = _marking_fetched(run, pieces)
        response = HttpResponse() if request.method == "HEAD" else StreamingHttpResponse(pieces)
        if asked:
            response.status_code = 206
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        response.headers["Content-Length"] = str(stop - start)
        response.headers["Content-Type"], suffix = FORMS[form]
        name = content_disposition_header(as_attachment=True, filename=f"{_stem(run)}.vrs.{suffix}")
        response.headers["Content-Disposition"] = name or "attachment"
    # The server closes the response, and so the file, even if nothing was read.
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
    response.headers["ETag"] = etag
    response.headers["Last-Modified"] = http_date(modified)
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _open(run: Run, form: str) -> tuple[BinaryIO, Callable[[int, int], Iterator[bytes]], int]:
    """The file, what reads the bytes [start, stop) of the form from it, and the form's size in bytes."""
    if form == "tbi" and not run.indexed:
        raise RunNotFoundError("The result has no index because its records are not sorted.")
    result = storage.result_path(run.pk, run.attempt)
    others = {"tbi": storage.beside(result, "tbi"), "csv": storage.validation_path(run.pk, run.attempt)}
    path = others.get(form, result)
    try:
        file = path.open("rb")
        if form != "text":
            return file, partial(_read_range, file), path.stat().st_size
        with storage.beside(result, "gzi").open("rb") as blocks:
            return file, BgzfReader(file, read_gzi(blocks)).read_range, run.result_text_bytes or 0
    except FileNotFoundError as error:
        raise RunFailureError("The result is no longer on disk.") from error


def _read_range(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    file.seek(start)
    left = stop - start
    while left and (piece := file.read(min(PIECE_BYTES, left))):
        left -= len(piece)
        yield piece


def _marking_fetched(run: Run, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield from pieces
    lifecycle.mark_fetched(run)


def _stem(run: Run) -> str:
    """The uploaded file's name without its suffixes and without characters that break headers or shells."""
    stem = _SUFFIXES.sub("", Path(run.file_name).name)
    return _UNSAFE.sub("_", stem)[:100].strip("._") or str(run.pk)


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
