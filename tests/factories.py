"""Rows for the tests, with sane values where a test does not care."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.runs.submit import Upload

HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
# On chr1 of TINY_CONTIG: an SNV, an insertion into a run of A, a deletion in a repeat.
RECORDS = (
    "chr1\t1\t.\tA\tC\t.\tPASS\tDP=3\nchr1\t22\t.\tA\tAAA\t.\tPASS\t.\nchr1\t40\t.\tAGC\tA\t.\tPASS\tDP=9\n"
)
VCF = (HEADER + RECORDS).encode()


def make_run(**columns: Any) -> Run:
    """A saved run; queued unless told otherwise."""
    pk = columns.pop("id", None) or uuid.uuid4()
    values: dict[str, Any] = {
        "run_id": str(pk),
        "assembly": "tiny",
        "attempt_limit": settings.ANYVAR_RUN_MAX_ATTEMPTS,
        "input_bytes": len(VCF),
        "input_format": "vcf",
        "input_sha256": hashlib.sha256(VCF).hexdigest(),
    }
    return Run.objects.create(id=pk, **(values | columns))


def make_running(**columns: Any) -> Run:
    """A run that a worker has just claimed."""
    now = timezone.now()
    values = {
        "status": Status.RUNNING,
        "attempt": 1,
        "started": now,
        "lease_until": now + timedelta(seconds=60),
        "deadline": now + timedelta(seconds=3600),
        "task_id": "task",
        "worker": "celery@here",
    }
    return make_run(**(values | columns))


def store_input(run: Run, content: bytes = VCF) -> Path:
    """Put the stored upload of a run where it belongs."""
    path = storage.input_path(run.pk)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def make_upload(content: bytes = VCF, name: str = "sample.vcf") -> Upload:
    """A spooled upload."""
    path = storage.spool() / uuid.uuid4().hex
    path.write_bytes(content)
    return Upload(path=path, name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())
