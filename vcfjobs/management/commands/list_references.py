"""List the registered reference assemblies."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Count, F, Q, Sum

from vcfjobs.models import Assembly


class Command(BaseCommand):
    """manage.py list_references"""

    help = (
        "List the registered assemblies; with -v 2 also the contigs whose bytes stand for another sequence."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """One line an assembly."""
        assemblies = Assembly.objects.annotate(
            count=Count("contigs"),
            bases=Sum("contigs__sequence__length"),
            stand_ins=Count("contigs", filter=~Q(contigs__content=F("contigs__sequence__accession"))),
        )
        if not assemblies:
            self.stdout.write("No assembly is registered. Register one: manage.py load_reference NAME FASTA")
        for assembly in assemblies:
            self.stdout.write(
                f"{assembly.name}\t{assembly.count:,} contigs\t{assembly.bases or 0:,} bases\t"
                f"{assembly.source}\t{assembly.created:%Y-%m-%d}\t"
                f"{assembly.stand_ins:,} with a given accession"
            )
            if options["verbosity"] > 1:
                self._list_stand_ins(assembly)

    def _list_stand_ins(self, assembly: Assembly) -> None:
        stand_ins = assembly.contigs.exclude(content=F("sequence__accession"))
        for contig in stand_ins.select_related("sequence"):
            self.stdout.write(f"  {contig.name}\t{contig.sequence.accession}\tbytes: {contig.content}")
