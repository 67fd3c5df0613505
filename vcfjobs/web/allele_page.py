"""What the page of one allele shows: its kind, its VRS object, and the caller's runs that contain it."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from vcfjobs.database.keyset_pagination import known_cursor
from vcfjobs.models import Allele, Contig, RunQuerySet
from vcfjobs.registry import provenance
from vcfjobs.registry.translate import Translator

CONTIGS_SHOWN = 50
LITERAL_SHOWN = 2_000


def context(allele: Allele, visible: RunQuerySet, before: str) -> dict[str, Any]:
    """Everything that the template of an allele needs."""
    recorded = settings.ANYVAR_PROVENANCE
    vrs = allele.to_vrs()
    literal = allele.literal or ""
    shortened = len(literal) > LITERAL_SHOWN
    if shortened:
        vrs["state"]["sequence"] = f"{literal[:LITERAL_SHOWN]}…"
    contigs = Contig.objects.filter(sequence=allele.sequence_id).select_related("assembly")[:CONTIGS_SHOWN]
    return {
        "allele": allele,
        "kind": kind_of(allele),
        "contigs": contigs,
        "location_id": vrs["location"]["id"],
        "ids_by_version": Translator().ids_by_version(allele),
        "vrs": json.dumps(vrs, indent=2, ensure_ascii=False),
        "shortened": shortened,
        "holding": provenance.runs_holding(allele, visible, known_cursor(before)) if recorded else None,
    }


def kind_of(allele: Allele) -> str:
    """The engine's name for the kind of allele, derived from its columns."""
    span = allele.end - allele.start
    size = allele.length if allele.literal is None else len(allele.literal)
    if allele.literal is None and size == span:
        return "reference"
    if not size or (allele.literal is None and size < span):
        return "deletion"
    if not span or allele.literal is None:
        return "insertion"
    if size == span:
        return "snv" if span == 1 else "mnv"
    return "delins"
