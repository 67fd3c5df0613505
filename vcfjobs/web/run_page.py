"""What the page of one run shows beside the row itself."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest

from vcfjobs.models import Run
from vcfjobs.runs import estimates, owners
from vcfjobs.runs.downloads import downloads_of
from vcfjobs.vrs.vcf.report import Failure, without_internals
from vcfjobs.web.charts import charts_of
from vcfjobs.web.variants import variants_of

FAILURES_SHOWN = 20


def context(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Everything that the templates of a run need."""
    report = run.report or {}
    return {
        "run": run,
        "outlook": estimates.outlook_of(run),
        "downloads": downloads_of(run),
        "annotated_by": run.input_annotated_by or report.get("replaced", ""),
        "report_json": json.dumps(without_internals(report), indent=2, ensure_ascii=False),
        "charts": charts_of(report) if report else None,
        "variants": variants_of(run, request.GET),
        "failures": [Failure(*row) for row in report.get("failures", [])[:FAILURES_SHOWN]],
        # The most frequent first.
        "unknown_contigs": sorted(report.get("unknown_contigs", {}).items(), key=lambda pair: -pair[1]),
        **terminal(request),
    }


def terminal(request: HttpRequest) -> dict[str, Any]:
    """How a command for a terminal begins, and the service's address. The token is named, never written."""
    curl = "curl" if owners.is_open() else 'curl -H "Authorization: Bearer $VRS_TOKEN"'
    return {"curl": curl, "base_url": request.build_absolute_uri("/").rstrip("/")}
