"""What a user asks of the registry: alleles by identifier and by place, their runs, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.db.models import Count

from vcfjobs import references, registry
from vcfjobs.errors import InvalidParameterError, SequenceNotFoundError, UnknownAssemblyError
from vcfjobs.models import Allele, Run, RunQuerySet, Sequence
from vcfjobs.registry import Page
from vcfjobs.vrs.digests import ALLELE_PREFIX, digest_bytes

IDS_A_PAGE = 10_000
RECENT_RUNS = 1000

__all__ = [
    "Page",
    "alleles_of",
    "find_alleles",
    "find_sequence",
    "overlapping",
    "registered",
    "runs_holding",
    "stats",
]

overlapping = registry.overlapping


def digest_of(vrs_id: str) -> str | None:
    """The digest of an allele's identifier (`ga4gh:VA.…`); None for what is none."""
    digest = vrs_id.removeprefix(ALLELE_PREFIX)
    with suppress(ValueError):
        digest_bytes(digest)
        return digest if digest != vrs_id else None
    return None


def find_alleles(vrs_ids: Iterable[str]) -> list[Allele]:
    """The registered alleles among these identifiers, in one query."""
    return registry.find(digest for vrs_id in vrs_ids if (digest := digest_of(vrs_id)))


def registered(vrs_ids: Iterable[str]) -> set[str]:
    """Which of these identifiers are registered, in one query that reads no allele."""
    digests = [digest for vrs_id in vrs_ids if (digest := digest_of(vrs_id))]
    found = Allele.objects.filter(digest__in=digests).values_list("digest", flat=True)
    return {ALLELE_PREFIX + str(digest) for digest in found}


def find_sequence(name: str) -> Sequence:
    """The sequence of `SQ.…`, `ga4gh:SQ.…` or `assembly:contig`. Raises SequenceNotFoundError."""
    accession = name.removeprefix("ga4gh:")
    if not accession.startswith("SQ."):
        assembly, _, contig = name.partition(":")
        with suppress(UnknownAssemblyError):
            sequence = references.open_assembly(references.resolve_assembly(assembly)).contigs.get(contig)
            accession = sequence.accession if sequence is not None else ""
    found = Sequence.objects.filter(accession=accession).first()
    if found is None:
        raise SequenceNotFoundError(f"The sequence {name!r} is not known here.")
    return found


def runs_holding(vrs_id: str, visible: RunQuerySet) -> Iterator[Run]:
    """The runs among `visible` that held the allele, newest first."""
    return registry.runs_holding(vrs_id.removeprefix(ALLELE_PREFIX), visible)


def alleles_of(run: Run, cursor: str) -> tuple[list[str], str]:
    """A page of the identifiers that a run held, and the cursor of the next; "" after the last."""
    try:
        ordinal, offset = (int(part) for part in (cursor or "0.0").split("."))
    except ValueError as error:
        raise InvalidParameterError("cursor: Is none that this service gave.") from error
    digests, following = registry.digests_of(run, (ordinal, offset), IDS_A_PAGE)
    next_cursor = f"{following[0]}.{following[1]}" if following else ""
    return [f"{ALLELE_PREFIX}{digest}" for digest in digests], next_cursor


def estimated_alleles() -> int:
    """How many alleles are registered: PostgreSQL's estimate above a hundred thousand."""
    return registry.estimated_count()


def stats() -> dict[str, Any]:
    """Counts for an overview.

    Alleles: PostgreSQL's estimate above a hundred thousand. By type: summed over the reports of the
    latest thousand runs, where one allele counts once a run.
    """
    by_status = dict(Run.objects.order_by().values_list("status").annotate(Count("pk")))
    by_type: Counter[str] = Counter()
    reports = Run.objects.exclude(report=None).order_by("-created", "-id").values_list("report", flat=True)
    for report in reports[:RECENT_RUNS]:
        by_type.update((report or {}).get("alleles", {}))
    return {
        "runs": by_status,
        "alleles": registry.estimated_count(),
        "alleles_by_type": dict(by_type),
        "sequences": Sequence.objects.count(),
    }
