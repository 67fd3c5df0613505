"""What the page of one allele shows: what it is, its VRS object, and the caller's runs that held it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import Count

from vcfjobs import lookups
from vcfjobs.models import Allele, Contig, Run, RunAlleles, RunQuerySet
from vcfjobs.newest_first import ORDER, is_place, older_than, place_of

NAMES_SHOWN = 50
LITERAL_SHOWN = 2_000
# Which runs held an allele is searched in the bytes of their batches, up to 1.2 MB each: so many at a time.
RUNS_SEARCHED = 100
BATCHES_SEARCHED = 500
RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class HoldingRuns:
    """Some of the runs that held the allele; `older` is the place from which to look on, "" at the end."""

    runs: list[Run]
    first: bool
    older: str


def context(allele: Allele, visible: RunQuerySet, before: str) -> dict[str, Any]:
    """Everything that the template of an allele needs."""
    vrs = allele.to_vrs()
    contigs = Contig.objects.filter(sequence=allele.sequence_id).select_related("assembly")
    return {
        "allele": allele,
        "kind": kind_of(allele),
        "names": [f"{contig.assembly.name}:{contig.name}" for contig in contigs[:NAMES_SHOWN]],
        "bases": one_based(allele),
        "location_id": vrs["location"]["id"],
        "vrs": as_json(vrs),
        "shortened": len(allele.literal or "") > LITERAL_SHOWN,
        "holding": holding(allele, visible, before) if settings.ANYVAR_PROVENANCE else None,
    }


def kind_of(allele: Allele) -> str:
    """The engine's name for what the allele does to its sequence, told by its columns alone."""
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


def one_based(allele: Allele) -> str:
    """The location as a range of bases counted from 1, both ends included."""
    first, last = allele.start + 1, allele.end
    if first > last:
        return f"between {last:,} and {first:,}"
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"


def as_json(vrs: dict[str, Any]) -> str:
    """The VRS object as text for people; a long literal is cut, for a page is no place for megabases."""
    sequence = vrs["state"].get("sequence", "")
    if len(sequence) > LITERAL_SHOWN:
        vrs = vrs | {"state": vrs["state"] | {"sequence": f"{sequence[:LITERAL_SHOWN]}…"}}
    return json.dumps(vrs, indent=2, ensure_ascii=False)


def holding(allele: Allele, visible: RunQuerySet, before: str) -> HoldingRuns:
    """The runs among the next of `visible` that held the allele, newest first.

    One page looks through RUNS_SEARCHED runs at most, fewer when they are large, and shows RUNS_SHOWN: three
    queries, and one for each run that is found.
    """
    rows = older_than(visible.filter(register=True), before).order_by(*ORDER).only("created")
    following = list(rows[: RUNS_SEARCHED + 1])
    looked = _within_bounds(following[:RUNS_SEARCHED])
    some = visible.filter(pk__in=[run.pk for run in looked])
    found = list(islice(lookups.runs_holding(str(allele), some), RUNS_SHOWN + 1))
    if len(found) > RUNS_SHOWN:
        found, older = found[:RUNS_SHOWN], place_of(found[RUNS_SHOWN - 1])
    else:
        older = place_of(looked[-1]) if len(looked) < len(following) else ""
    return HoldingRuns(found, not is_place(before), older)


def _within_bounds(runs: list[Run]) -> list[Run]:
    """The first runs that have no more than BATCHES_SEARCHED batches together; the first one in any case."""
    counted = RunAlleles.objects.filter(run__in=runs).order_by().values_list("run").annotate(Count("pk"))
    sizes = dict(counted)
    looked: list[Run] = []
    batches = 0
    for run in runs:
        batches += sizes.get(run.pk, 0)
        if looked and batches > BATCHES_SEARCHED:
            break
        looked.append(run)
    return looked
