"""Annotate the file of a claimed run: written, registered, indexed, published."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path

import pysam
from django.conf import settings

from vcfjobs import references, registry, workdir
from vcfjobs.lease import Lease
from vcfjobs.models import Run
from vcfjobs.outcome import DigestingFile, Result
from vcfjobs.vrs.annotate import Options, annotate
from vcfjobs.vrs.bgzf import BgzfWriter, open_text
from vcfjobs.vrs.report import Report

logger = logging.getLogger(__name__)


def annotate_file(mine: Run, stored: Path, lease: Lease) -> Result:
    """Write the annotated file of this attempt, register its alleles, and publish it with its indexes."""
    reference = references.open_assembly(mine.assembly)
    registers = mine.register and settings.ANYVAR_REGISTER
    options = Options(
        for_ref=mine.for_ref, add_vrs_attributes=mine.add_vrs_attributes, collect_alleles=registers
    )
    part = workdir.part_path(mine.pk, mine.attempt)
    report = Report()
    with ExitStack() as stack:
        file = stack.enter_context(stored.open("rb"))
        sink = DigestingFile(stack.enter_context(part.open("wb")))
        loader = stack.enter_context(registry.Loader(mine)) if registers else None
        writer = BgzfWriter(sink)
        for chunk in annotate(open_text(file), reference, options):
            writer.write(chunk.data)
            report.merge(chunk.report)
            if loader is not None:
                loader.take(chunk.alleles)
            lease.progress(report.records, chunk.compressed_bytes)
        writer.close()
    lease.check()
    return Result(
        result_bytes=writer.compressed_length,
        result_text_bytes=writer.uncompressed_length,
        result_sha256=sink.sha256,
        indexed=publish(mine, writer, sorted_records=report.sorted),
        records_done=report.records,
        report=report.to_json(),
    )


def publish(mine: Run, writer: BgzfWriter, *, sorted_records: bool) -> bool:
    """Publish the result after its indexes; True when there is a tabix index."""
    part = workdir.part_path(mine.pk, mine.attempt)
    blocks = part.with_name(f"{part.name}.gzi")
    with blocks.open("wb") as file:
        writer.write_index(file)
    workdir.publish(blocks, workdir.result_blocks_path(mine.pk, mine.attempt))
    indexed = sorted_records and _tabix(part, workdir.result_index_path(mine.pk, mine.attempt))
    workdir.publish(part, workdir.result_path(mine.pk, mine.attempt))
    return indexed


def _tabix(part: Path, target: Path) -> bool:
    """Index our own result; False where the format does not allow it (a contig beyond 512 Mb)."""
    index = part.with_name(f"{part.name}.tbi")
    pysam.set_verbosity(0)  # htslib would print the record that it does not like
    try:
        pysam.tabix_index(str(part), preset="vcf", index=str(index), force=True, keep_original=True)
    except OSError as error:
        logger.warning("no tabix index: %s", error)
        return False
    workdir.publish(index, target)
    return True
