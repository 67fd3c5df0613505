"""The files of a succeeded run as representations to download."""

from __future__ import annotations

import re
from pathlib import Path

from vcfjobs import storage
from vcfjobs.api.downloads import Representation, raw_reader, text_reader
from vcfjobs.errors import RunFailureError, RunNotFoundError
from vcfjobs.models import Run

_SUFFIXES = re.compile(r"(\.vcf|\.bcf)?(\.b?gz)?$", re.IGNORECASE)
_UNSAFE = re.compile(r"[^\w.+-]+")


def file_stem(run: Run) -> str:
    """A name for downloads, after the file that was uploaded, without what headers or shells trip over."""
    stem = _SUFFIXES.sub("", Path(run.file_name).name)
    return _UNSAFE.sub("_", stem)[:100].strip("._") or str(run.pk)


def bgzf(run: Run) -> Representation:
    """The result as it lies there."""
    path = storage.result_path(run.pk, run.attempt)
    return _representation(run, path, "application/gzip", "vcf.gz", "bgzf")


def text(run: Run) -> Representation:
    """The result decompressed on its way out."""
    path = storage.result_path(run.pk, run.attempt)
    blocks = storage.beside(path, "gzi")
    return _representation(run, path, "text/plain; charset=utf-8", "vcf", "text", blocks)


def index(run: Run) -> Representation:
    """The tabix index. Raises RunNotFoundError where the result has none."""
    if not run.indexed:
        raise RunNotFoundError("The result has no index, for its records are not sorted.")
    path = storage.beside(storage.result_path(run.pk, run.attempt), "tbi")
    return _representation(run, path, "application/octet-stream", "vcf.gz.tbi", "tbi")


def validation(run: Run) -> Representation:
    """The CSV of an ingest run with validation."""
    path = storage.validation_path(run.pk, run.attempt)
    return _representation(run, path, "text/csv; charset=utf-8", "csv", "csv")


def _representation(
    run: Run, path: Path, content_type: str, suffix: str, kind: str, blocks: Path | None = None
) -> Representation:
    """The file; with a block index, its decompressed text."""
    try:
        file = path.open("rb")
        read = text_reader(file, blocks.open("rb")) if blocks else raw_reader(file)
    except FileNotFoundError as error:
        raise RunFailureError("The result is no longer on disk.") from error
    return Representation(
        size=(run.result_text_bytes or 0) if blocks else path.stat().st_size,
        etag=f"{run.result_sha256[:32]}-{kind}",
        modified=run.finished or run.created,
        content_type=content_type,
        file_name=f"{file_stem(run)}.vrs.{suffix}",
        read=read,
        close=file.close,
    )
