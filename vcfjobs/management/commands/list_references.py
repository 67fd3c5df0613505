"""List the registered reference assemblies."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from vcfjobs.models import Assembly
from vcfjobs.references.assemblies import LoadedContig, registered_contigs


class Command(BaseCommand):
    """manage.py list_references"""

    help = (
        "List the registered assemblies; with -v 2 also the contigs whose bytes are not the canonical ones, "
        "or stand for another sequence."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """One line an assembly."""
        assemblies = list(Assembly.objects.all())
        if not assemblies:
            self.stdout.write("No assembly is registered. Register one: manage.py load_reference NAME FASTA")
        for assembly in assemblies:
            contigs = registered_contigs(assembly)
            self.stdout.write(
                f"{assembly.name}\t{len(contigs):,} contigs\t{sum(c.length for c in contigs):,} bases\t"
                f"{assembly.source}\t{assembly.created:%Y-%m-%d}\t{_standing(contigs)}"
            )
            if options["verbosity"] > 1:
                for contig in filter(_is_special, contigs):
                    self.stdout.write(_special(contig))


def _is_special(contig: LoadedContig) -> bool:
    return contig.deviates or contig.accession != contig.content


def _standing(contigs: list[LoadedContig]) -> str:
    """Whether the identifiers on this assembly are everybody's."""
    known = [contig for contig in contigs if contig.canonical]
    others = sum(contig.accession != contig.canonical for contig in known)
    stand_ins = sum(contig.accession != contig.content for contig in contigs)
    if not known:
        standing = "no canonical accessions known"
    elif others:
        standing = f"{others:,} of {len(known):,} known contigs not canonical"
    else:
        standing = "canonical"
    return f"{standing}, {stand_ins:,} with a given accession" if stand_ins else standing


def _special(contig: LoadedContig) -> str:
    canonical = f"\tcanonical: {contig.canonical}" if contig.deviates else ""
    return f"  {contig.name}\t{contig.accession}\tbytes: {contig.content}{canonical}"
