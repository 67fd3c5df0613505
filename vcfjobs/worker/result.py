"""Publish what an attempt wrote as the run's result, with its indexes beside it."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import pysam

from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.vrs.bgzf.files import BlockIndex
from vcfjobs.vrs.vcf.report import Report

logger = logging.getLogger(__name__)


def publish(run: Run, blocks: BlockIndex, *, indexed: bool) -> None:
    """Publish the result after its indexes; the tabix index, where there is one, lies beside the part."""
    part = storage.part_path(run.pk, run.attempt)
    block_index = storage.beside(part, "gzi")
    with block_index.open("wb") as file:
        blocks.write(file)
    storage.publish(block_index, storage.result_blocks_path(run.pk, run.attempt))
    if indexed:
        storage.publish(storage.beside(part, "tbi"), storage.result_index_path(run.pk, run.attempt))
    storage.publish(part, storage.result_path(run.pk, run.attempt))


def make_tabix(part: Path) -> bool:
    """Index our own sorted BGZF, whole or a part, into a file beside it.

    False where the format does not allow it (a contig beyond 512 Mb).
    """
    pysam.set_verbosity(0)  # htslib would print the record that it refuses
    index = storage.beside(part, "tbi")
    try:
        pysam.tabix_index(str(part), preset="vcf", index=str(index), force=True, keep_original=True)
    except OSError as error:
        logger.warning("no tabix index: %s", error)
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The columns of a succeeded run; sizes in bytes."""

    result_bytes: int
    result_text_bytes: int
    result_sha256: str
    indexed: bool
    records_done: int
    records_without_ids: int
    report: dict[str, object]

    @classmethod
    def of(cls, report: Report, *, size: int, text_size: int, sha256: str, indexed: bool) -> Self:
        """The columns of an annotated file."""
        return cls(
            result_bytes=size,
            result_text_bytes=text_size,
            result_sha256=sha256,
            indexed=indexed,
            records_done=report.records,
            records_without_ids=report.records - report.resolved + report.failed.total(),
            report=report.to_json(),
        )

    def columns(self) -> dict[str, Any]:
        """The values by column."""
        return {name: getattr(self, name) for name in self.__slots__}


class DigestingFile:
    """A file being written whose SHA-256 and size are kept on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self._sha256.update(data)
        self.size += len(data)
        return self._file.write(data)

    @property
    def sha256(self) -> str:
        """The digest of what was written, in hexadecimal."""
        return self._sha256.hexdigest()
