"""Workers, the shards that they work on, the results that Celery keeps, and who did what in this admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_results.models import GroupResult, TaskResult

from vcfjobs.admin import filters
from vcfjobs.admin.lists import NoDelete
from vcfjobs.models import Run, Shard, Worker

# Their own pages count and sort whole tables, and this service makes no group results.
admin.site.unregister([TaskResult, GroupResult])


@admin.register(Worker)
class WorkerAdmin(NoDelete, admin.ModelAdmin[Worker]):
    """The workers of the last day; one that shuts down cleanly removes its row."""

    list_display = ("node", "host", "pid", "version", "concurrency", "started", "seen", "alive")
    ordering = ("-seen",)

    @admin.display(boolean=True)
    def alive(self, worker: Worker) -> bool:
        return not worker.is_silent


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
        found = Run.objects.named(search_term.strip())
        return queryset.filter(run__in=found) if search_term else queryset, False


@admin.register(LogEntry)
class LogEntryAdmin(NoDelete, admin.ModelAdmin[LogEntry]):
    """Which member of staff did what: in this admin, on the pages, by the API."""

    list_display = ("action_time", "user", "message", "content_type", "object_repr", "object_id")
    list_filter = ("action_flag", "action_time")
    lookups = ("action_flag", "action_time", "user")
    list_select_related = ("user", "content_type")
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("object_id__exact", "user__username__exact")
    search_help_text = "A user name, or the key of a run."

    @admin.display(description="what")
    def message(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()


@admin.register(TaskResult)
class TaskResultAdmin(NoDelete, admin.ModelAdmin[TaskResult]):
    """Celery's record of its deliveries. The runs themselves are authoritative."""

    list_display = ("task_id", "task_name", "status", "worker", "date_created", "date_done")
    list_filter = (filters.StateFilter,)
    lookups = ("status",)
    sortable_by = ()
    ordering = ("-id",)
    search_fields = ("task_id__exact",)
    search_help_text = "A task id."

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskResult]:
        return super().get_queryset(request).defer("traceback", "meta")

    def get_fields(self, request: HttpRequest, obj: TaskResult | None = None) -> Any:
        fields = ("task_id", "task_name", "status", "worker", "task_args", "result")
        times = ("date_created", "date_started", "date_done")
        may = request.user.has_perm("vcfjobs.view_run_traceback")
        return (*fields, *times, *(("traceback",) if may else ()))
