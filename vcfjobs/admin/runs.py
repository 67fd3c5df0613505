"""Runs in the admin, and the dashboard of the whole service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from vcfjobs.admin import filters, selection
from vcfjobs.admin.lists import NoDelete, ReadOnly
from vcfjobs.admin.selection import CANCEL, DELETE, NOTIFY, RETRY, Command
from vcfjobs.models import ACTIVE, Notification, Run, RunQuerySet
from vcfjobs.monitoring import overview
from vcfjobs.runs.downloads import downloads_of
from vcfjobs.runs.owners import owner_of_account

# The members of the engine's report that say nothing about single records.
REPORTED = ("vrs_version", "records", "resolved", "alleles", "failed", "without_id")
FIELDSETS = {
    None: "run_id id page_link state whose kind files",
    "Work": "created sent started finished expires expired attempt attempt_limit worker task_id lease_until "
    "deadline queue_position shards_of_it records_done bytes_done",
    "Failure": "error_code error",
    "File": "file_name input_format input_bytes input_sha256",
    "Parameters": "assembly for_ref add_vrs_attributes vrs_version register require_validation "
    "callback_url email_owner",
    "Result": "result_bytes result_text_bytes result_sha256 indexed fetched records_without_ids summary",
}


def _account_of_owner() -> Subquery:
    """The user name of the account that owns the run; null for an owner of another kind."""
    accounts = get_user_model().objects.annotate(
        owner=Concat(Value(owner_of_account("")), Cast("pk", CharField()))
    )
    return Subquery(accounts.filter(owner=OuterRef("owner")).values("username")[:1])


class NotificationInline(NoDelete, admin.StackedInline[Notification, Run]):
    """Who was told of the run's ends, or is to be told yet."""

    model = Notification
    fields = readonly_fields = ("address", "state", "created", "attempts", "next_at", "delivered", "error")
    extra = 0


@admin.register(Run)
class RunAdmin(ReadOnly, admin.ModelAdmin[Run]):
    """Every run of every owner.

    Permission to change runs allows cancel, retry and notify, permission to delete runs allows delete;
    tracebacks have a permission of their own.
    """

    list_display = (
        "run_id",
        "state",
        "file_name",
        "whose",
        "created",
        "finished",
        "assembly",
        "records_done",
        "worker",
        "page_link",
    )
    list_filter = (
        "status",
        filters.StuckFilter,
        filters.ErrorCodeFilter,
        filters.EndedFilter,
        "created",
        filters.AssemblyFilter,
    )
    lookups = ("status", "created", "worker", "owner", "stuck", "error_code", "ended", "assembly")
    sortable_by = ("created",)
    search_fields = ("run_id", "file_name")
    search_help_text = "A run's key, or the start of a run id or file name (case-sensitive)."
    ordering = ("-created", "-id")
    actions = ("cancel_runs", "retry_runs", "notify_again", "delete_selected")
    inlines = (NotificationInline,)
    change_form_template = "admin/vcfjobs/run/change_form.html"
    readonly_fields = ("state", "page_link", "whose", "files", "summary", "trace", "shards_of_it")
    fieldsets = [(title, {"fields": tuple(fields.split())}) for title, fields in FIELDSETS.items()]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.dashboard)
        return [path("dashboard/", view, name="vcfjobs_dashboard"), *super().get_urls()]

    def dashboard(self, request: HttpRequest) -> HttpResponse:
        """The whole service at a glance, for users who may view runs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {
            "title": "Dashboard",
            "overview": overview.overview(),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/vcfjobs/dashboard.html", context)

    # --- rows ----------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        runs = super().get_queryset(request).defer("traceback", "report")
        return runs.annotate(account=_account_of_owner())

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found: QuerySet[Run] = cast("RunQuerySet", queryset).beginning_with(term)
        with suppress(ValueError):
            found |= queryset.filter(pk=uuid.UUID(term))
        return found, False

    def get_fieldsets(self, request: HttpRequest, obj: Run | None = None) -> Any:
        """The traceback may contain data of the user's file, so it needs a permission."""
        may = request.user.has_perm("vcfjobs.view_run_traceback")
        more = {"Failure": {"fields": ("error_code", "error", "trace")}} if may else {}
        return [(name, more.get(str(name), fields)) for name, fields in super().get_fieldsets(request, obj)]

    @admin.display(description="status")
    def state(self, run: Run) -> str:
        """The status, with its progress, error or warning, and the attempt if it is not the first."""
        attempt = f"attempt {run.attempt}" if run.attempt > 1 else ""
        progress = f"{int(run.progress * 100)} %" if run.status in ACTIVE else ""
        parts = (progress, run.error_code, run.without_ids_sentence, attempt)
        return ", ".join([run.get_status_display(), *filter(None, parts)])

    @admin.display(description="owner")
    def whose(self, run: Run) -> str:
        """The owner; an account also by its name."""
        account = getattr(run, "account", None)
        return f"{account} ({run.owner})" if account else run.owner or "everybody"

    @admin.display(description="page")
    def page_link(self, run: Run) -> SafeString:
        return format_html('<a href="{}">Open</a>', reverse("pages:run", args=[run.pk]))

    def files(self, run: Run) -> SafeString | str:
        links = ((file.url, file.label) for file in downloads_of(run))
        return format_html_join(", ", '<a href="{}">{}</a>', links) or "-"

    @admin.display(description="shards")
    def shards_of_it(self, run: Run) -> SafeString | str:
        if not run.shard_count:
            return "not split"
        address = f"{reverse('admin:vcfjobs_shard_changelist')}?run__id__exact={run.pk}"
        return format_html('<a href="{}">{} shards</a>', address, run.shard_count)

    @admin.display(description="report")
    def summary(self, run: Run) -> SafeString | str:
        report = run.report or {}
        counted = {name: report[name] for name in REPORTED if name in report}
        return format_html("<pre>{}</pre>", json.dumps(counted, indent=1)) if counted else "-"

    @admin.display(description="traceback")
    def trace(self, run: Run) -> SafeString | str:
        return format_html("<pre>{}</pre>", run.traceback) if run.traceback else "-"

    # --- commands ------------------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may cancel and retry runs, and send notifications again."""
        return request.user.has_perm("vcfjobs.change_run")

    @admin.action(description="Cancel the selected runs…", permissions=["operate"])
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        return self._confirmed(request, queryset, CANCEL)

    @admin.action(description="Retry the selected runs", permissions=["operate"])
    def retry_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self._apply(request, queryset[: selection.MOST_AT_ONCE], RETRY)

    @admin.action(
        description="Send the notifications of the selected runs that were given up", permissions=["operate"]
    )
    def notify_again(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self._apply(request, queryset[: selection.MOST_AT_ONCE], NOTIFY)

    # Django's name, and so in place of Django's own, which would load every row that depends on the runs.
    @admin.action(description="Delete the selected runs with their files…", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        return self._confirmed(request, queryset, DELETE)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Confirm the deletion of one run; the answer is sent to the list, as a selection's is.

        Django's own view would load every dependent row, and delete the files inside a transaction that may
        still fail.
        """
        run = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404
        return self._question(request, [run], DELETE, reverse("admin:vcfjobs_run_changelist"))

    def _confirmed(
        self, request: HttpRequest, queryset: QuerySet[Run], command: Command
    ) -> HttpResponse | None:
        """Ask first; once confirmed, apply the command to exactly the runs that the question listed."""
        if request.POST.get("confirmed"):
            keys = selection.keys(request.POST.get("runs", ""))
            self._apply(request, self.get_queryset(request).filter(pk__in=keys), command)
            return None
        runs = list(queryset[: selection.MOST_AT_ONCE + 1])
        return self._question(request, runs, command, request.get_full_path())

    def _question(self, request: HttpRequest, runs: list[Run], command: Command, target: str) -> HttpResponse:
        chosen = runs[: selection.MOST_AT_ONCE]
        context = self.admin_site.each_context(request) | {
            "title": f"{command.ask} {len(chosen):,} run{'' if len(chosen) == 1 else 's'}?",
            "command": command,
            "runs": chosen,
            "most": selection.MOST_AT_ONCE,
            "too_many": len(runs) > len(chosen),
            "target": target,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/vcfjobs/run/confirm.html", context)

    def _apply(self, request: HttpRequest, runs: Iterable[Run], command: Command) -> None:
        """Apply the command to each run; report how many it changed, and why others stayed as they are."""
        for (outcome, why), number in selection.apply(runs, command, request.user.pk).items():
            done = messages.SUCCESS if number else messages.INFO
            level = done if outcome == command.done else messages.WARNING
            self.message_user(request, f"Runs {outcome}: {number:,}. {why}".strip(), level)
