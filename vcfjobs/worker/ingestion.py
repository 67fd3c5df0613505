"""Register the annotations in the file of a claimed run, and report the wrong ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.conf import settings

from vcfjobs import storage
from vcfjobs.models import Run
from vcfjobs.registry import load
from vcfjobs.vrs.vcf.ingest import ingest
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.worker.annotation import open_assembly, sha256_of
from vcfjobs.worker.lease import Lease

COLUMNS = ("vrs_id", "assembly", "chrom", "pos", "start", "end", "state", "new_vrs_id")


def ingest_file(run: Run, stored: Path, lease: Lease) -> dict[str, Any]:
    """Register the alleles (ANYVAR_REGISTER); with validation, publish a CSV of the wrong ones.

    Returns the run's columns.
    """
    reference = open_assembly(run.assembly)
    part = storage.part_path(run.pk, run.attempt)
    report = Report()
    with (
        stored.open("rb") as file,
        part.open("w", encoding="utf-8", newline="") as table,
        load.Loader(run) as loader,
    ):
        rows = csv.writer(table)
        rows.writerow(COLUMNS)
        for chunk in ingest(open_text(file), reference, validate=run.require_validation):
            report.merge(chunk.report)
            if settings.ANYVAR_REGISTER:
                loader.take(chunk.alleles)
            rows.writerows(
                (of.vrs_id, run.assembly, of.chrom, of.pos, of.start, of.end, of.state, of.new_vrs_id)
                for of in chunk.disagreements
            )
            lease.progress(report.records, chunk.compressed_bytes)
    size, sha256 = part.stat().st_size if run.require_validation else 0, sha256_of(part)
    lease.check()
    if run.require_validation:
        storage.publish(part, storage.validation_path(run.pk, run.attempt))
    else:
        part.unlink()
    return {
        "result_bytes": size,
        "result_text_bytes": size,
        "result_sha256": sha256,
        "records_done": report.records,
        "report": report.to_json(),
    }
