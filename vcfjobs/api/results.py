"""The files of a succeeded run as representations to download."""

from __future__ import annotations

import re
from pathlib import Path

from vcfjobs import storage
from vcfjobs.api.downloads import Representation, raw_reader, text_reader
from vcfjobs.errors import RunFailureError, RunNotFoundError
from vcfjobs.models import Run

# The media type and the file name's end of each form.
FORMS = {
    "bgzf": ("application/gzip", "vcf.gz"),
    "text": ("text/plain; charset=utf-8", "vcf"),
    "tbi": ("application/octet-stream", "vcf.gz.tbi"),
    "csv": ("text/csv; charset=utf-8", "csv"),
}
_SUFFIXES = re.compile(r"(\.vcf)?(\.b?gz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.+-]+")


def file_stem(run: Run) -> str:
    """A name for downloads, after the uploaded file, without characters that break headers or shells."""
    stem = _SUFFIXES.sub("", Path(run.file_name).name)
    return _UNSAFE.sub("_", stem)[:100].strip("._") or str(run.pk)


def representation(run: Run, form: str) -> Representation:
    """The result as BGZF or text, its tabix index, or the CSV of a validation.

    Raises RunNotFoundError where the result has no index, and RunFailureError when the file is lost.
    """
    if form == "tbi" and not run.indexed:
        raise RunNotFoundError("The result has no index because its records are not sorted.")
    result = storage.result_path(run.pk, run.attempt)
    others = {"tbi": storage.beside(result, "tbi"), "csv": storage.validation_path(run.pk, run.attempt)}
    path = others.get(form, result)
    try:
        file = path.open("rb")
        read = text_reader(file, storage.beside(result, "gzi")) if form == "text" else raw_reader(file)
    except FileNotFoundError as error:
        raise RunFailureError("The result is no longer on disk.") from error
    content_type, suffix = FORMS[form]
    return Representation(
        size=(run.result_text_bytes or 0) if form == "text" else path.stat().st_size,
        etag=f"{run.result_sha256[:32]}-{form}",
        modified=run.finished or run.created,
        content_type=content_type,
        file_name=f"{file_stem(run)}.vrs.{suffix}",
        read=read,
        close=file.close,
    )
