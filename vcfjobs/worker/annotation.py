"""Annotate the file of a claimed run: write, register, index and publish it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pysam
from django.conf import settings

from vcfjobs import storage
from vcfjobs.database.retry import retry_on_outage
from vcfjobs.models import Run
from vcfjobs.references import assemblies
from vcfjobs.registry import load
from vcfjobs.vrs.bgzf.files import BgzfWriter, BlockIndex
from vcfjobs.vrs.vcf.annotate import Chunk, annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.versions import VrsVersion
from vcfjobs.worker.index_size import LongRecords
from vcfjobs.worker.lease import Lease

logger = logging.getLogger(__name__)

open_assembly = retry_on_outage(assemblies.open_assembly)


def annotate_file(run: Run, stored: Path, lease: Lease) -> dict[str, Any]:
    """Write the annotated file, register its alleles, publish it with indexes; returns the run's columns."""
    part = storage.part_path(run.pk, run.attempt)
    with load.Loader(run) as loader:
        with stored.open("rb") as file, part.open("wb") as opened:
            writer = BgzfWriter(opened)
            chunks = annotate(open_text(file), open_assembly(run.assembly), options_of(run))
            report = write_annotated(chunks, writer, loader, lease)
            writer.close()
        indexed = report.indexable and make_tabix(part)  # while the last alleles are registered
    return publish(run, report, writer.index, lease, text_size=writer.uncompressed_length, indexed=indexed)


def options_of(run: Run) -> Options:
    return Options(
        for_ref=run.for_ref,
        add_vrs_attributes=run.add_vrs_attributes,
        collect_alleles=run.register and settings.ANYVAR_REGISTER,
        vrs_version=cast("VrsVersion", run.vrs_version),
    )


def write_annotated(
    chunks: Iterable[Chunk], writer: BgzfWriter, loader: load.Loader, lease: Lease, scale: float = 1.0
) -> Report:
    """Write chunks, register their alleles and save progress; returns the report of all chunks.

    `scale` converts bytes of the stored input to bytes of the upload.
    """
    report, long_records = Report(), LongRecords()
    for chunk in chunks:
        writer.write(chunk.data)
        report.merge(chunk.report)
        long_records.take(chunk, report)
        loader.take(chunk.alleles)  # none unless `options_of` collects them
        lease.progress(report.records, int(chunk.compressed_bytes * scale))
    report.windows += long_records.windows
    return report


def publish(
    run: Run, report: Report, blocks: BlockIndex, lease: Lease, *, text_size: int, indexed: bool
) -> dict[str, Any]:
    """Publish the indexes, then the finished part; returns the run's columns, sizes in bytes.

    The tabix index of an `indexed` part is beside it.
    """
    part = storage.part_path(run.pk, run.attempt)
    result = storage.result_path(run.pk, run.attempt)
    columns = {
        "result_bytes": part.stat().st_size,
        "result_text_bytes": text_size,
        "result_sha256": sha256_of(part),
        "indexed": indexed,
        "records_done": report.records,
        "records_without_ids": report.records_without_ids,
        "report": report.to_json(),
    }
    lease.check()
    block_index = storage.beside(part, "gzi")
    with block_index.open("wb") as file:
        blocks.write(file)
    storage.publish(block_index, storage.beside(result, "gzi"))
    if indexed:
        storage.publish(storage.beside(part, "tbi"), storage.beside(result, "tbi"))
    storage.publish(part, result)
    return columns


def make_tabix(part: Path) -> bool:
    """Write the tabix index beside our own sorted BGZF; False for a contig longer than tabix's 512 Mb."""
    pysam.set_verbosity(0)  # htslib would print the record that it rejects
    index = storage.beside(part, "tbi")
    try:
        pysam.tabix_index(str(part), preset="vcf", index=str(index), force=True, keep_original=True)
    except OSError as error:
        logger.warning("no tabix index: %s", error)
        return False
    return True


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
