"""A result as a table of its alleles, made on the way out: nothing is stored, and little is kept in memory.

The size is known only at the end, so there are no byte ranges and no Content-Length.
"""

from __future__ import annotations

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
from vcfjobs.vrs.bgzf.files import BgzfReader, BlockIndex, DamagedStreamError
from vcfjobs.vrs.columns.formats import FORMATS, Encoder, encoded, encoder


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
            response.streaming_content = _Table(_opened(run), run.result_text_bytes or 0, into, on_complete)
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

    def __init__(
        self, file: BinaryIO, text_bytes: int, into: Encoder, on_complete: Callable[[], None]
    ) -> None:
        self._file = file
        self._text_bytes = text_bytes
        self._into = into
        self._on_complete = on_complete

    def __iter__(self) -> Iterator[bytes]:
        pieces = encoded(_whole_lines(self._file, self._text_bytes), self._into)
        yield from filter(None, pieces)  # to some servers an empty piece is the end
        self._on_complete()

    def close(self) -> None:
        self._file.close()


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
