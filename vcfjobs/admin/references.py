"""References in the admin: assemblies, their contigs, and the sequences that alleles refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, Prefetch, QuerySet, Sum
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from vcfjobs.admin.lists import NoDelete
from vcfjobs.database.row_counts import at_most
from vcfjobs.models import ACTIVE, Assembly, Contig, Run, Sequence

CONTIGS_SHOWN = 50
USES_SHOWN = 20
COUNTED_RUNS = 1000
USES = Contig.objects.select_related("assembly").order_by("pk")

HOW_TO_CHANGE = (
    "Manage references with commands on the server. Register: “manage.py load_reference NAME FASTA”; with "
    "--replace it replaces an assembly, and registered alleles stay. Remove: “manage.py remove_reference "
    "NAME”. List: “manage.py list_references -v 2”, which shows contigs that are not canonical. Runs in "
    "progress finish with the sequences they started with."
)


@admin.register(Assembly)
class AssemblyAdmin(NoDelete, admin.ModelAdmin[Assembly]):
    """The registered references."""

    list_display = ("name", "source", "contig_count", "created")
    search_fields = ("name",)
    fields = ("name", "source", "created", "size", "in_use", "contigs")
    readonly_fields = ("size", "in_use", "contigs")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assembly]:
        return super().get_queryset(request).annotate(number=Count("contigs"))

    def get_fieldsets(self, request: HttpRequest, obj: Assembly | None = None) -> Any:
        return [(None, {"fields": self.fields, "description": HOW_TO_CHANGE})]

    @admin.display(description="contigs")
    def contig_count(self, assembly: Assembly) -> str:
        return f"{assembly.number:,}"  # type: ignore[attr-defined]  # annotated

    def size(self, assembly: Assembly) -> str:
        bases = assembly.contigs.aggregate(sum=Sum("sequence__length"))["sum"] or 0
        return f"{self.contig_count(assembly)} contigs, {bases:,} bases"

    def in_use(self, assembly: Assembly) -> str:
        runs = at_most(Run.objects.filter(status__in=ACTIVE, assembly=assembly.name), COUNTED_RUNS + 1)
        if not runs:
            return "Not used by any queued or running run."
        number = f"more than {COUNTED_RUNS:,}" if runs > COUNTED_RUNS else f"{runs:,}"
        return f"Used by {number} queued or running run{'' if runs == 1 else 's'}."

    def contigs(self, assembly: Assembly) -> SafeString:
        first = assembly.contigs.select_related("sequence").order_by("ordinal")[:CONTIGS_SHOWN]
        context = {"assembly": assembly, "contigs": first}
        return render_to_string("admin/vcfjobs/assembly/contigs.html", context)


@admin.register(Contig)
class ContigAdmin(NoDelete, admin.ModelAdmin[Contig]):
    """The contigs of the assemblies, in the order of their FASTA."""

    list_display = ("name", "assembly", "sequence", "length", "other_names", "as_in_the_file")
    list_filter = ("assembly",)
    lookups = ("assembly",)
    sortable_by = ()
    list_select_related = ("assembly", "sequence")
    ordering = ("pk",)  # the order of the FASTA
    search_fields = ("name__startswith",)
    search_help_text = "The start of a contig name."

    def length(self, contig: Contig) -> str:
        return f"{contig.sequence.length:,}"

    @admin.display(description="aliases")
    def other_names(self, contig: Contig) -> str:
        return ", ".join(contig.aliases)

    @admin.display(description="as in the file", boolean=True)
    def as_in_the_file(self, contig: Contig) -> bool:
        return contig.content == contig.sequence.accession


@admin.register(Sequence)
class SequenceAdmin(NoDelete, admin.ModelAdmin[Sequence]):
    """Reference sequences by refget accession."""

    list_display = ("accession", "length", "used_as")
    fields = ("accession", "length", "used_as")
    readonly_fields = ("used_as",)
    sortable_by = ()
    ordering = ("pk",)
    search_fields = ("accession__startswith",)
    search_help_text = "A refget accession (SQ.…) or its start."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sequence]:
        some = Prefetch("contigs", USES[: USES_SHOWN + 1], to_attr="uses")
        return super().get_queryset(request).prefetch_related(some)

    def used_as(self, sequence: Sequence) -> str:
        return names(sequence.uses)  # type: ignore[attr-defined]  # prefetched


def names(contigs: Iterable[Contig]) -> str:
    """`assembly:contig` of the first USES_SHOWN; a sequence of N may be thousands of contigs."""
    found = [f"{contig.assembly.name}:{contig.name}" for contig in contigs]
    more = ["…"] if len(found) > USES_SHOWN else []
    return ", ".join(found[:USES_SHOWN] + more) or "no registered contig"
