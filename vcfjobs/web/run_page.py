"""What the page of one run shows beside the row itself: time left, links, commands, what may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from vcfjobs.models import Kind, Run, Status
from vcfjobs.web.charts import charts_of
from vcfjobs.web.preview import preview_of

FAILURES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Download:
    """A file of a run: its address, what to call it, its size in bytes where it is known."""

    url: str
    label: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, and what it is for."""

    purpose: str
    line: str


def context(request: HttpRequest, run: Run) -> dict[str, Any]:
    """Everything that the templates of a run need."""
    return {
        "run": run,
        "seconds_left": seconds_left(run),
        "seconds_taken": seconds_taken(run),
        "downloads": downloads(run),
        "commands": commands(request, run),
        "annotated_by": run.input_annotated_by or (run.report or {}).get("replaced", ""),
        "charts": charts_of(run.report) if run.report else None,
        "preview": preview_of(run),
        "failures": (run.report or {}).get("failures", [])[:FAILURES_SHOWN],
        "unknown_contigs": unknown_contigs(run),
    }


def unknown_contigs(run: Run) -> list[tuple[str, int]]:
    """Contigs that the assembly does not have with their records, the most frequent first."""
    counts = (run.report or {}).get("unknown_contigs", {})
    return sorted(counts.items(), key=lambda pair: -pair[1])


def seconds_left(run: Run) -> float | None:
    """Seconds to the end at the speed so far, None where nothing can be said."""
    done = run.progress
    if run.status != Status.RUNNING or run.started is None or not 0 < done < 1:
        return None
    return (timezone.now() - run.started).total_seconds() * (1 - done) / done


def seconds_taken(run: Run) -> float | None:
    """Seconds that the last attempt has taken, None before it began."""
    if run.started is None:
        return None
    return ((run.finished or timezone.now()) - run.started).total_seconds()


def downloads(run: Run) -> list[Download]:
    """The files of a run that are there to fetch."""
    if run.status != Status.SUCCEEDED or run.is_expired:
        return []
    if run.kind == Kind.INGEST:
        address = reverse("vcf-result", args=[run.pk])
        return [Download(address, "Disagreements, CSV", run.result_bytes)] if run.require_validation else []
    files = [
        Download(reverse("run-bgzf", args=[run.pk]), "VCF, BGZF", run.result_bytes),
        Download(reverse("run-text", args=[run.pk]), "VCF, plain text", run.result_text_bytes),
    ]
    if run.indexed:
        files.append(Download(reverse("run-index", args=[run.pk]), "tabix index"))
    return files


def commands(request: HttpRequest, run: Run) -> list[Command]:
    """The same over the API, for a terminal; the token is named, never written."""
    curl = 'curl -H "Authorization: Bearer $TOKEN"' if settings.ANYVAR_AUTH_TOKEN_LIST else "curl"
    vcf = request.build_absolute_uri(reverse("vcf-result", args=[run.pk]))
    resource = request.build_absolute_uri(reverse("run", args=[run.pk]))
    known = [Command("Status and counts", f"{curl} '{resource}'")]
    if not run.is_final:
        known.append(Command("Wait for the end, up to a minute", f"{curl} '{vcf}?wait=60'"))
        known.append(Command("Cancel", f"{curl} -X POST '{resource}cancel'"))
    for file in downloads(run)[:1]:
        url = request.build_absolute_uri(file.url)
        name = f"{run.pk}.vcf.gz" if run.kind == Kind.ANNOTATE else f"{run.pk}.csv"
        known.append(Command("Download, resuming where it broke off", f"{curl} -C - -o {name} '{url}'"))
    if run.is_retryable:
        known.append(Command("Retry", f"{curl} -X POST '{resource}retry'"))
    return [*known, Command("Delete", f"{curl} -X DELETE '{resource}'")]
