"""A run that succeeded, with a report."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from tests.factories import make_run
from vcfjobs.models import Run, Status
from vcfjobs.vrs.vcf.report import Report


def finished(**columns: Any) -> Run:
    """A run that succeeded, with a report of one allele of each kind and one failure."""
    report = Report(records=3)
    report.alleles.update(snv=2, insertion=1)
    report.count_indel("insertion", 60)
    report.count_indel("deletion", 3)
    report.count_failure("<i>chr1", 1234567, "reference_mismatch")
    report.count_unknown("chrUn<b>")
    report.count_positions("chr1", [0, 5, 3_000_000])
    now = timezone.now()
    values = {
        "status": Status.SUCCEEDED,
        "attempt": 1,
        "started": now,
        "finished": now + timedelta(seconds=2),
        "records_done": 3,
        "result_bytes": 10,
        "result_text_bytes": 20,
        "report": json.loads(json.dumps(report.to_json())),
        "expires": now + timedelta(hours=1),
    }
    return make_run(**(values | columns))
