"""The files of a run that can be fetched."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from vcfjobs.models import Kind, Run, Status
from vcfjobs.vrs.columns import formats


@dataclass(frozen=True, slots=True)
class Download:
    """A file of a run: its address, its label, and its size in bytes where it is known."""

    url: str
    label: str
    size: int | None = None


def downloads_of(run: Run) -> list[Download]:
    """The files that exist now, the main one first."""
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
    return files + [
        Download(reverse(f"run-{one.name}", args=[run.pk]), f"Alleles, {one.label}")
        for one in formats.available()
    ]
