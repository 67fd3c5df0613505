"""Shards in the admin: the parts of large runs in progress."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from vcfjobs.admin import filters
from vcfjobs.admin.lists import NoDelete
from vcfjobs.models import Run, Shard


@admin.register(Shard)
class ShardAdmin(NoDelete, admin.ModelAdmin[Shard]):
    """The shards of large runs in progress; they are deleted when their run ends."""

    list_display = ("run", "number", "status", "attempt", "worker", "sent", "started", "records_done")
    list_filter = ("status", filters.StuckFilter)
    lookups = ("run", "status", "worker", "stuck")
    sortable_by = ()
    list_select_related = ("run",)
    search_fields = ("run__run_id",)
    search_help_text = "A run id, or a run's key."
    ordering = ("-id",)
    exclude = ("report",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shard]:
        return super().get_queryset(request).defer("report", "run__report", "run__traceback")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Shard], search_term: str
    ) -> tuple[QuerySet[Shard], bool]:
        found = Run.objects.answering_to("", search_term.strip(), everyone=True)
        return queryset.filter(run__in=found) if search_term else queryset, False
