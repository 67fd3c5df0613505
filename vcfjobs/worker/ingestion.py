"""Register the annotations that the file of a claimed run carries, and report those that are wrong."""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from pathlib import Path

from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.references import assemblies
from vcfjobs.registry import load
from vcfjobs.vrs.vcf.ingest import Disagreement, ingest
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.worker.lease import Lease
from vcfjobs.worker.result import DigestingFile, Result

COLUMNS = ("vrs_id", "assembly", "chrom", "pos", "start", "end", "state", "new_vrs_id")


def ingest_file(run: Run, stored: Path, lease: Lease) -> Result:
    """Register the file's alleles; with validation, publish a CSV of the identifiers that are wrong."""
    reference = assemblies.open_assembly(run.assembly)
    part = storage.part_path(run.pk, run.attempt)
    report = Report()
    with ExitStack() as stack:
        file = stack.enter_context(stored.open("rb"))
        sink = DigestingFile(stack.enter_context(part.open("wb")))
        loader = stack.enter_context(load.Loader(run))
        sink.write(_csv([COLUMNS]))
        for chunk in ingest(open_text(file), reference, validate=run.require_validation):
            report.merge(chunk.report)
            loader.take(chunk.alleles)
            sink.write(_csv(_row(found, run.assembly) for found in chunk.disagreements))
            lease.progress(report.records, chunk.compressed_bytes)
    lease.check()
    if run.require_validation:
        storage.publish(part, storage.validation_path(run.pk, run.attempt))
    else:
        part.unlink()
    return Result(
        result_bytes=sink.size if run.require_validation else 0,
        result_text_bytes=sink.size if run.require_validation else 0,
        result_sha256=sink.sha256,
        indexed=False,
        records_done=report.records,
        records_without_ids=0,
        report=report.to_json(),
    )


def _row(found: Disagreement, assembly: str) -> tuple[object, ...]:
    return (
        found.vrs_id, assembly, found.chrom, found.pos, found.start, found.end, found.state, found.new_vrs_id,
    )  # fmt: skip


def _csv(rows: object) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()
