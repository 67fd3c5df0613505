"""The files of a succeeded run as representations to download."""

from __future__ import annotations

import re
from pathlib import Path

from vcfjobs import storage
from vcfjobs.api.downloads import Representation, raw_reader, text_reader
from vcfjobs.errors import RunFailureError, RunNotFoundError
from vcfjobs.models import Run

_SUFFIXES = re.compile(r"(\.vcf)?(\.b?gz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.+-]+")


def file_stem(run: Run) -> str:
    """A name for downloads, after the file that was uploaded, without what headers or shells trip over."""
    stem = _SUFFIXES.sub("", Path(run.file_name).name)
    return _UNSAFE.sub("_", stem)[:100].strip("._") or str(run.pk)


def bgzf(run: Run) -> Representation:
    """The result as it lies there."""
    return _raw(run, storage.result_path(run.pk, run.attempt), "application/gzip", "vcf.gz", "bgzf")


def index(run: Run) -> Representation:
    """The tabix index. Raises RunNotFoundError where the result has none."""
    if not run.indexed:
        raise RunNotFoundError("The result has no index, for its records are not sorted.")
    path = storage.beside(storage.result_path(run.pk, run.attempt), "tbi")
    return _raw(run, path, "application/octet-stream", "vcf.gz.tbi", "tbi")


def validation(run: Run) -> Representation:
    """The CSV of an ingest run with validation."""
    path = storage.validation_path(run.pk, run.attempt)
    return _raw(run, path, "text/csv; charset=utf-8", "csv", "csv")


def text(run: Run) -> Representation:
    """The result decompressed on its way out."""
    try:
        path = storage.result_path(run.pk, run.attempt)
        file = path.open("rb")
        reader = text_reader(file, storage.beside(path, "gzi").open("rb"))
    except FileNotFoundError as error:
        raise _lost() from error
    return Representation(
        size=run.result_text_bytes or 0,
        etag=_etag(run, "text"),
        modified=run.finished or run.created,
        content_type="text/plain; charset=utf-8",
        file_name=f"{file_stem(run)}.vrs.vcf",
        read=reader,
        close=file.close,
    )


def _raw(run: Run, path: Path, content_type: str, suffix: str, kind: str) -> Representation:
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise _lost() from error
    return Representation(
        size=path.stat().st_size,
        etag=_etag(run, kind),
        modified=run.finished or run.created,
        content_type=content_type,
        file_name=f"{file_stem(run)}.vrs.{suffix}",
        read=raw_reader(file),
        close=file.close,
    )


def _etag(run: Run, kind: str) -> str:
    return f"{run.result_sha256[:32]}-{kind}"


def _lost() -> RunFailureError:
    return RunFailureError("The result is no longer on disk.")
