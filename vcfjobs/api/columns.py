"""A result as a table of its alleles, made on the way out: nothing is stored, and little is kept in memory.

The size is known only at the end, so there are no byte ranges and no Content-Length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date
from rest_framework.request import Request

from vcfjobs import storage
from vcfjobs.api.downloads import file_stem, marking_fetched
from vcfjobs.errors import RunFailureError, RunNotFoundError
from vcfjobs.models import Kind, Run
from vcfjobs.vrs.bgzf.blocks import DamagedStreamError
from vcfjobs.vrs.bgzf.files import BgzfReader, BlockIndex
from vcfjobs.vrs.columns.formats import FORMATS, encoded, encoder


def answer(request: Request, run: Run, name: str) -> HttpResponseBase:
    """200, 304 or 412 for a succeeded run, which counts as fetched after the last byte was sent.

    The ETag is weak: another release may write the same table in other bytes. Raises RunNotFoundError for a
    run without a VCF, RunFailureError where it is no longer on disk, ParquetUnavailableError.
    """
    if run.kind == Kind.INGEST:
        raise RunNotFoundError("A run that registers annotations has no result file.")
    wanted, into = FORMATS[name], encoder(name)
    etag, modified = f'W/"{run.result_sha256[:32]}-{name}"', int((run.finished or run.created).timestamp())
    response: HttpResponseBase | None = get_conditional_response(request._request, etag, modified)
    if response is None:
        response = StreamingHttpResponse(content_type=wanted.content_type)
        # A HEAD is streamed too: otherwise it would get a Content-Length of 0.
        if request.method != "HEAD":
            file = _opened(run)
            lines = _whole_lines(file, run.result_text_bytes or 0)
            # To some servers an empty piece is the end.
            response.streaming_content = marking_fetched(run, filter(None, encoded(lines, into)))
            # The server closes the response, and so the file, even if nothing was read.
            response._resource_closers.append(file.close)  # type: ignore[attr-defined]
        file_name = f"{file_stem(run)}.vrs.{name}"
        if disposition := content_disposition_header(as_attachment=True, filename=file_name):
            response.headers["Content-Disposition"] = disposition
    response.headers["ETag"] = etag
    response.headers["Last-Modified"] = http_date(modified)
    response.headers["Accept-Ranges"] = "none"
    return response


def _opened(run: Run) -> BinaryIO:
    try:
        return storage.result_path(run.pk, run.attempt).open("rb")
    except FileNotFoundError as error:
        raise RunFailureError("The result is no longer on disk.") from error


def _whole_lines(file: BinaryIO, text_bytes: int) -> Iterator[bytes]:
    """The text of a BGZF file block by block: little is held for each of many slow clients.

    Raises DamagedStreamError where there is less than `text_bytes`, so that a client sees a broken download
    instead of a shorter table.
    """
    parts: list[bytes] = []
    missing = text_bytes
    for block in BgzfReader(file, BlockIndex()).read_range(0, text_bytes):
        missing -= len(block)
        cut = block.rfind(b"\n") + 1
        if cut:
            yield b"".join([*parts, block[:cut]])
            parts = []
        parts.append(block[cut:])
    if missing:
        raise DamagedStreamError("The stored file is damaged: its end is missing.")
    yield b"".join(parts)
