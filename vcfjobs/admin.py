"""The admin: runs and references to look at, and runs to cancel, retry and delete. Nothing is edited here.

A row that a worker may touch changes by the services alone, never by a form that saves what it read.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from vcfjobs import lookups, services
from vcfjobs.errors import RunConflictError
from vcfjobs.models import Allele, Assembly, Contig, Run, Sequence, Shard, Status


class ReadOnly:
    """Rows to look at: no add, no change."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows come from the service."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows change by the service."""
        return False


class Kept(ReadOnly):
    """Rows that stay: no delete either."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Sequences and contigs are what identifiers and alleles rest on."""
        return False


@admin.register(Run)
class RunAdmin(ReadOnly, admin.ModelAdmin[Run]):
    """Every run of every owner."""

    list_display = (
        "run_id",
        "job_page",
        "status",
        "progress_percent",
        "assembly",
        "owner",
        "file_name",
        "created",
        "started",
        "finished",
        "records_done",
        "error_code",
    )
    list_filter = ("status", "assembly", "kind", "created")
    search_fields = ("run_id",)
    search_help_text = "A run id or its beginning, or the key of a run."
    ordering = ("-created", "-id")
    actions = ("cancel_runs", "retry_runs")
    readonly_fields = ("progress_percent", "job_page", "files")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Runs without what the list does not show and what may be large."""
        return super().get_queryset(request).defer("traceback", "report")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        """Runs whose run_id begins with the term, which an index finds, or whose key it is."""
        term = search_term.strip()
        if not term:
            return queryset, False
        meant = Q(run_id__startswith=term)
        with suppress(ValueError):
            meant |= Q(pk=uuid.UUID(term))
        return queryset.filter(meant), False

    @admin.display(description="progress")
    def progress_percent(self, run: Run) -> str:
        """Progress in whole per cent."""
        return f"{int(run.progress * 100)} %"

    @admin.display(description="page")
    def job_page(self, run: Run) -> SafeString:
        """A link to the run's page."""
        return format_html('<a href="{}">Open</a>', reverse("pages:job", args=[run.pk]))

    @admin.display(description="files")
    def files(self, run: Run) -> SafeString | str:
        """Links to the result, while it is there."""
        if run.status != Status.SUCCEEDED or run.is_expired:
            return "-"
        known = [
            ("run-bgzf", "result.vcf.gz"),
            ("run-text", "result.vcf"),
            ("run-index", "result.vcf.gz.tbi"),
        ]
        links = ((reverse(view, args=[run.pk]), name) for view, name in known[: 3 if run.indexed else 2])
        return format_html_join(" ", '<a href="{}">{}</a>', links)

    @admin.action(description="Cancel the selected runs", permissions=["delete"])
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Cancel those that are not final."""
        self._ask_each(request, queryset, services.cancel_run, "cancelled")

    @admin.action(description="Retry the selected runs", permissions=["delete"])
    def retry_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Queue again those that failed or were cancelled and whose file is still here."""
        self._ask_each(request, queryset, services.retry_run, "queued again")

    def delete_model(self, request: HttpRequest, obj: Run) -> None:
        """Delete with the files, cancelling first."""
        services.delete_run(obj)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Run]) -> None:
        """Delete each with its files."""
        for run in queryset:
            services.delete_run(run)

    def _ask_each(
        self, request: HttpRequest, runs: Iterable[Run], service: Callable[[Run], None], done: str
    ) -> None:
        """Ask the same of each run; say how many it was done to, and why not to the others."""
        count, refusals = 0, dict[str, int]()
        for run in runs:
            try:
                service(run)
                count += 1
            except RunConflictError as error:
                refusals[error.sentence] = refusals.get(error.sentence, 0) + 1
        self.message_user(
            request, f"{count} of the runs {done}.", messages.SUCCESS if count else messages.INFO
        )
        for sentence, number in refusals.items():
            self.message_user(request, f"{number} left as they are: {sentence}", messages.WARNING)


class ContigInline(Kept, admin.TabularInline[Contig, Assembly]):
    """The contigs of an assembly, in the order of its FASTA."""

    model = Contig
    fields = ("name", "sequence", "length", "aliases", "masked")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contig]:
        """Contigs with their sequences, in one query."""
        return super().get_queryset(request).select_related("sequence").order_by("ordinal")

    @admin.display(description="length")
    def length(self, contig: Contig) -> int:
        """Bases."""
        return contig.sequence.length

    @admin.display(description="as in the file", boolean=True)
    def masked(self, contig: Contig) -> bool:
        """Whether the file's own bytes have the accession that is used for it."""
        return contig.content == contig.sequence.accession


@admin.register(Shard)
class ShardAdmin(Kept, admin.ModelAdmin[Shard]):
    """The shards of large runs that are under way; they go when their run ends."""

    list_display = ("run", "number", "status", "attempt", "worker", "started", "records_done")
    list_filter = ("status",)
    list_select_related = ("run",)
    search_fields = ("run__run_id__exact",)
    search_help_text = "The run id."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shard]:
        """Shards without their reports."""
        return super().get_queryset(request).defer("report")


@admin.register(Assembly)
class AssemblyAdmin(Kept, admin.ModelAdmin[Assembly]):
    """The registered references."""

    list_display = ("name", "source", "created")
    search_fields = ("name",)
    inlines = (ContigInline,)


@admin.register(Sequence)
class SequenceAdmin(Kept, admin.ModelAdmin[Sequence]):
    """Reference sequences by refget accession."""

    list_display = ("accession", "length", "used_as")
    search_fields = ("accession",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sequence]:
        """Sequences with the contigs that they are, in a fixed number of queries."""
        return super().get_queryset(request).prefetch_related("contigs__assembly")

    @admin.display(description="used as")
    def used_as(self, sequence: Sequence) -> str:
        """Assembly and name of each contig that is this sequence."""
        return ", ".join(f"{contig.assembly.name}:{contig.name}" for contig in sequence.contigs.all())


class EstimatedPaginator(Paginator[Allele]):
    """Pages whose number comes from an estimate: counting a hundred million rows takes minutes."""

    @cached_property
    def count(self) -> int:
        """The database's estimate of all alleles, whatever is filtered."""
        return lookups.estimated_alleles()


@admin.register(Allele)
class AlleleAdmin(Kept, admin.ModelAdmin[Allele]):
    """The registry; found by identifier."""

    list_display = ("digest", "sequence", "start", "end", "state")
    list_select_related = ("sequence",)
    ordering = ("digest",)
    paginator = EstimatedPaginator
    search_fields = ("digest",)
    search_help_text = "A whole identifier, ga4gh:VA.…"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Allele], search_term: str
    ) -> tuple[QuerySet[Allele], bool]:
        """The allele of that identifier: digests are looked up whole, never in part."""
        if not search_term:
            return queryset, False
        digest = lookups.digest_of(search_term.strip())
        return (queryset.filter(pk=digest) if digest else queryset.none()), False

    @admin.display
    def state(self, allele: Allele) -> str:
        """The literal, or the lengths of a reference-length expression."""
        if allele.literal is not None:
            return allele.literal[:50] or "(empty)"
        return f"length {allele.length}, repeat subunit {allele.repeat_subunit_length}"
