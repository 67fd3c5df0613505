"""What the search of the header finds: an allele, a run, or the registered alleles of a region."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from django.conf import settings
from django.urls import reverse

from vcfjobs.errors import InvalidCursorError, NoReferenceError, RunFailureError, SequenceNotFoundError
from vcfjobs.models import Allele, RunQuerySet
from vcfjobs.references.assemblies import accession_of, registered_assemblies
from vcfjobs.registry import search
from vcfjobs.runs.run_ids import is_searchable
from vcfjobs.vrs.digests import ALLELE_PREFIX
from vcfjobs.vrs.vcf.browse import Region
from vcfjobs.web.allele_page import kind_of

PAGE_SIZE = 100


class RegionPage(NamedTuple):
    """Registered alleles that overlap a region of one assembly; `assemblies` are those with the contig.

    `error` is the sentence for a wrong cursor.
    """

    region: Region
    assemblies: list[str]
    assembly: str
    alleles: list[tuple[Allele, str]]
    is_first: bool
    following: str
    error: str


def vrs_id_of(typed: str) -> str:
    """The allele identifier that was typed, with or without its prefix; "" for any other text."""
    digest = typed.strip().removeprefix("ga4gh:").removeprefix("VA.")
    vrs_id = ALLELE_PREFIX + digest
    return vrs_id if search.digest_of(vrs_id) else ""


def address_of(typed: str, runs: RunQuerySet) -> str:
    """The page of the one thing that is meant: an allele, a run, or the runs named so; "" without one.

    A bare digest that is not registered may still be the name of a run.
    """
    vrs_id = vrs_id_of(typed)
    if vrs_id and (vrs_id != ALLELE_PREFIX + typed or search.registered([vrs_id])):
        return reverse("pages:allele", args=[vrs_id])
    if is_searchable(typed) and (run := runs.named(typed).first()):
        return reverse("pages:run", args=[run.pk])
    if typed.isprintable() and runs.beginning_with(typed).exists():
        return reverse("pages:index", query={"search": typed})
    return reverse("pages:allele", args=[vrs_id]) if vrs_id else ""


def region_of(typed: str) -> Region | None:
    """The interval that was typed; None for any other text, a contig's name too."""
    with suppress(ValueError):
        region = Region.parse(typed)
        return region if region != Region(region.contig) else None
    return None


def region_page(region: Region, assembly: str = "", cursor: str = "") -> RegionPage | None:
    """The alleles of a region of the named assembly, else of the default one or the first with its contig.

    None where no assembly has the contig.
    """
    accessions = _accessions(region)
    if not accessions:
        return None
    chosen = next(
        (name for name in (assembly, settings.ANYVAR_DEFAULT_ASSEMBLY) if name in accessions),
        next(iter(accessions)),
    )
    found, error = search.Page([], ""), ""
    try:
        sequence = search.find_sequence(accessions[chosen])
        found = search.overlapping(sequence, region.start, region.end, size=PAGE_SIZE, cursor=cursor)
    except InvalidCursorError as wrong:
        error = wrong.sentence
    alleles = [(allele, kind_of(allele)) for allele in found.alleles]
    return RegionPage(region, list(accessions), chosen, alleles, not cursor, found.next_cursor, error)


def _accessions(region: Region) -> dict[str, str]:
    """The accession of the contig in each assembly that has it."""
    found: dict[str, str] = {}
    for assembly in registered_assemblies():
        for name in region.names:
            with suppress(SequenceNotFoundError, NoReferenceError, RunFailureError):
                found.setdefault(assembly, accession_of(f"{assembly}:{name.decode()}"))
    return found
