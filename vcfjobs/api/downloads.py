"""The files of a succeeded run as answers.

Files are opened before the answer begins, so an expiry during a download does not cut it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from django.http import HttpResponseBase
from rest_framework.request import Request

from vcfjobs import storage
from vcfjobs.api import ranges
from vcfjobs.api.ranges import Content
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
_SUFFIXES = re.compile(r"(\.vcf|\.bcf)?(\.b?gz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.+-]+")


def answer(request: Request, run: Run, form: str) -> HttpResponseBase:
    """200, 206, 304, 412 or 416, with the result in one of FORMS; "csv" is that of a validation.

    The run counts as fetched after the last byte of a whole file, its index excepted. Raises
    RunNotFoundError where the result has no index, and RunFailureError when the file is lost.
    """
    file, read, size = _open(run, form)

    def read_and_mark(start: int, stop: int) -> Iterator[bytes]:
        is_all = stop - start == size and form != "tbi"
        return marking_fetched(run, read(start, stop)) if is_all else read(start, stop)

    media_type, suffix = FORMS[form]
    modified = int((run.finished or run.created).timestamp())
    name, tag = f"{file_stem(run)}.vrs.{suffix}", f"{run.result_sha256[:32]}-{form}"
    response = ranges.answer(request, Content(read_and_mark, size, media_type, name, tag, modified))
    # The server closes the response, and so the file, even if nothing was read.
    response._resource_closers.append(file.close)  # type: ignore[attr-defined]
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


def marking_fetched(run: Run, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces; after the last one was sent, the run counts as fetched."""
    yield from pieces
    lifecycle.mark_fetched(run)


def file_stem(run: Run) -> str:
    """The uploaded file's name without its suffixes and without characters that break headers or shells."""
    stem = _SUFFIXES.sub("", Path(run.file_name).name)
    return _UNSAFE.sub("_", stem)[:100].strip("._") or str(run.pk)
