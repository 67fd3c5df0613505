"""A result as a table of its alleles, made on the way out: nothing is stored, and little is kept in memory.

The size is known only at the end, so there are no byte ranges and no Content-Length.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date
from rest_framework.request import Request

from vcfjobs import storage
from vcfjobs.api.results import file_stem
from vcfjobs.errors import RunFailureError, RunNotFoundError
from vcfjobs.models import Kind, Run
from vcfjobs.vrs.columns.formats import FORMATS, Encoder, encoded, encoder
from vcfjobs.vrs.vcf.lines import Limits, open_text

# A result may be longer than the upload that it was made from.
_OUR_OWN = Limits(max_line=sys.maxsize, max_header=sys.maxsize, max_ratio=sys.maxsize)


def answer(request: Request, run: Run, name: str, on_complete: Callable[[], None]) -> HttpResponseBase:
    """200, 304 or 412 for a succeeded run. `on_complete` is called after the last byte was sent.

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
            response.streaming_content = _Table(_opened(run), into, on_complete)
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


class _Table:
    """The bytes of a streamed answer; closed by the response even when nobody has begun to read them."""

    def __init__(self, file: BinaryIO, into: Encoder, on_complete: Callable[[], None]) -> None:
        self._file = file
        self._into = into
        self._on_complete = on_complete

    def __iter__(self) -> Iterator[bytes]:
        source = open_text(self._file, _OUR_OWN)
        pieces = encoded(iter(source.read_chunk, b""), self._into)
        yield from filter(None, pieces)  # an empty piece would end a chunked body
        self._on_complete()

    def close(self) -> None:
        self._file.close()
