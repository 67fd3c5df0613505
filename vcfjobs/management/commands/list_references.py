"""List the registered reference assemblies."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from vcfjobs.management.command_line import one_sentence
from vcfjobs.models import Assembly
from vcfjobs.references.assemblies import registered_contigs
from vcfjobs.references.contigs import LoadedContig


class Command(BaseCommand):
    help = (
        "List the registered assemblies. With -v 2 also the contigs that are not the canonical sequence, "
        "or whose accession was given."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        with one_sentence("The references cannot be listed"):
            assemblies = list(Assembly.objects.all())
            if not assemblies:
                self.stdout.write(
                    "No assembly is registered. Register one: manage.py load_reference NAME FASTA"
                )
            for assembly in assemblies:
                contigs = registered_contigs(assembly)
                self.stdout.write(
                    f"{assembly.name}\t{len(contigs):,} contigs\t{sum(c.length for c in contigs):,} bases\t"
                    f"{assembly.source}\t{assembly.created:%Y-%m-%d}\t{_standing(contigs)}"
                )
                for contig in contigs if options["verbosity"] > 1 else ():
                    if contig.deviates or contig.accession != contig.content:
                        canonical = f"\tcanonical: {contig.canonical}" if contig.deviates else ""
                        self.stdout.write(
                            f"  {contig.name}\t{contig.accession}\tbytes: {contig.content}{canonical}"
                        )


def _standing(contigs: list[LoadedContig]) -> str:
    """Whether identifiers on this assembly are the same as everywhere."""
    known = [contig for contig in contigs if contig.canonical]
    others = sum(contig.accession != contig.canonical for contig in known)
    given = sum(contig.accession != contig.content for contig in contigs)
    if not known:
        standing = "no canonical accessions known"
    elif others:
        standing = f"{others:,} of {len(known):,} known contigs not canonical"
    else:
        standing = "canonical"
    return f"{standing}, {given:,} with a given accession" if given else standing
