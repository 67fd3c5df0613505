"""Annotate the file of a claimed run: written, registered, indexed, published."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from django.conf import settings

from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.references import assemblies
from vcfjobs.registry import load
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.vcf.annotate import Chunk, Options, annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.versions import VrsVersion
from vcfjobs.worker.lease import Lease
from vcfjobs.worker.result import DigestingFile, Result, make_tabix, publish


def annotate_file(run: Run, stored: Path, lease: Lease) -> Result:
    """Write the annotated file of this attempt, register its alleles, and publish it with its indexes."""
    part = storage.part_path(run.pk, run.attempt)
    with stored.open("rb") as file, part.open("wb") as opened:
        sink = DigestingFile(opened)
        writer = BgzfWriter(sink)
        chunks = annotate(open_text(file), assemblies.open_assembly(run.assembly), options_of(run))
        report = write_annotated(run, chunks, writer, lease)
        writer.close()
    indexed = report.indexable and make_tabix(part)
    lease.check()
    publish(run, writer.index, indexed=indexed)
    return Result.of(
        report,
        size=writer.compressed_length,
        text_size=writer.uncompressed_length,
        sha256=sink.sha256,
        indexed=indexed,
    )


def options_of(run: Run) -> Options:
    """What the engine is to write for a run."""
    return Options(
        for_ref=run.for_ref,
        add_vrs_attributes=run.add_vrs_attributes,
        collect_alleles=_registers(run),
        vrs_version=cast("VrsVersion", run.vrs_version),
    )


def write_annotated(
    run: Run,
    chunks: Iterable[Chunk],
    writer: BgzfWriter,
    lease: Lease,
    *,
    first_batch: int = 0,
    scale: float = 1.0,
) -> Report:
    """Write chunks, register their alleles and save progress; the report of all of them.

    `scale` is what a byte of the stored input counts in the run's own bytes. Raises what the chunks, the
    registry and the lease raise.
    """
    report = Report()
    with ExitStack() as stack:
        loader = stack.enter_context(load.Loader(run, first_batch)) if _registers(run) else None
        for chunk in chunks:
            writer.write(chunk.data)
            report.merge(chunk.report)
            if loader is not None:
                loader.take(chunk.alleles)
            lease.progress(report.records, int(chunk.compressed_bytes * scale))
    return report


def _registers(run: Run) -> bool:
    return run.register and bool(settings.ANYVAR_REGISTER)
