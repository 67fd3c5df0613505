"""Runs in the admin, and the page that shows the whole service at a glance."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache

from vcfjobs.admin import filters, selection
from vcfjobs.admin.lists import ReadOnly
from vcfjobs.admin.selection import Command
from vcfjobs.models import ACTIVE, Run, RunQuerySet
from vcfjobs.monitoring import overview
from vcfjobs.runs import lifecycle
from vcfjobs.web import run_page

# Of the engine's report what says nothing about single records.
REPORTED = ("records", "resolved", "alleles", "failed", "without_id")

CANCEL = Command(
    action="cancel_runs",
    service=lifecycle.cancel_run,
    ask="Cancel",
    consequence="Their workers stop within seconds, and what they have written so far goes. "
    "Their inputs stay until they expire, so each can be retried.",
    done="cancelled",
)
RETRY = Command(
    action="retry_runs", service=lifecycle.retry_run, ask="Retry", consequence="", done="queued again"
)
DELETE = Command(
    action="delete_runs",
    service=lifecycle.delete_run,
    ask="Delete",
    consequence="Those under way are cancelled first. Rows, inputs, results and the lists of which alleles "
    "they held go, and cannot be brought back; registered alleles stay.",
    done="deleted",
)


@admin.register(Run)
class RunAdmin(ReadOnly, admin.ModelAdmin[Run]):
    """Every run of every owner.

    Who may change runs may cancel and retry them, who may delete runs may delete them; the traceback is
    for who may view tracebacks.
    """

    list_display = (
        "run_id",
        "status",
        "progress_percent",
        "error_code",
        "file_name",
        "owner",
        "submitted",
        "ended",
        "assembly",
        "records_done",
        "attempt",
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
    sortable_by = ("submitted",)
    search_fields = ("run_id", "file_name")
    search_help_text = "The beginning of a run id or of a file name, capitals told apart, or a run's key."
    ordering = ("-created", "-id")
    actions = ("cancel_runs", "retry_runs", "delete_runs")
    change_form_template = "admin/vcfjobs/run/change_form.html"
    readonly_fields = ("progress_percent", "page_link", "files", "summary", "trace", "shards_of_it")
    fieldsets = (
        (
            None,
            {"fields": ("run_id", "id", "page_link", "status", "progress_percent", "owner", "kind", "files")},
        ),
        (
            "Work",
            {
                "fields": (
                    "created",
                    "sent",
                    "started",
                    "finished",
                    "expires",
                    "expired",
                    "attempt",
                    "attempt_limit",
                    "worker",
                    "task_id",
                    "lease_until",
                    "deadline",
                    "place",
                    "shards_of_it",
                    "records_done",
                    "bytes_done",
                )
            },
        ),
        ("Failure", {"fields": ("error_code", "error")}),
        ("File", {"fields": ("file_name", "input_format", "input_bytes", "input_sha256")}),
        (
            "Parameters",
            {"fields": ("assembly", "for_ref", "add_vrs_attributes", "register", "require_validation")},
        ),
        (
            "Result",
            {
                "fields": (
                    "result_bytes",
                    "result_text_bytes",
                    "result_sha256",
                    "indexed",
                    "fetched",
                    "summary",
                )
            },
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        
        dashboard = path("dashboard/", self.admin_site.admin_view(self.dashboard), name="vcfjobs_dashboard")
        return [dashboard, *super().get_urls()]

    @method_decorator(never_cache)
    def dashboard(self, request: HttpRequest) -> HttpResponse:
        """The service at a glance, for who may view runs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self.admin_site.each_context(request) | {
            "title": "The service at a glance",
            "overview": overview.overview(),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/vcfjobs/dashboard.html", context)

    # --- rows ----------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        """Runs without what the list does not show and what may be large."""
        return super().get_queryset(request).defer("traceback", "report")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Run], search_term: str
    ) -> tuple[QuerySet[Run], bool]:
        """Runs whose run_id or file name begins with the term, or whose key it is: an index finds each."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found: QuerySet[Run] = cast("RunQuerySet", queryset).beginning_with(term)
        with suppress(ValueError):
            found |= queryset.filter(pk=uuid.UUID(term))
        return found, False

    def get_fieldsets(self, request: HttpRequest, obj: Run | None = None) -> Any:
        """The traceback only for who may view it: it may hold what a user's file holds."""
        shown = super().get_fieldsets(request, obj)
        if not request.user.has_perm("vcfjobs.view_run_traceback"):
            return shown
        more = ("Failure", {"fields": ("error_code", "error", "trace")})
        return [more if name == "Failure" else (name, fields) for name, fields in shown]

    @admin.display(description="progress")
    def progress_percent(self, run: Run) -> str:
        """Progress in whole per cent."""
        return f"{int(run.progress * 100)} %"

    @admin.display(ordering="created")
    def submitted(self, run: Run) -> str:
        """When it was submitted, UTC."""
        return f"{run.created:%Y-%m-%d %H:%M:%S}"

    @admin.display
    def ended(self, run: Run) -> str:
        """When it ended, UTC."""
        return f"{run.finished:%Y-%m-%d %H:%M:%S}" if run.finished else "-"

    @admin.display(description="page")
    def page_link(self, run: Run) -> SafeString:
        """A link to the run's page."""
        return format_html('<a href="{}">Open</a>', reverse("pages:run", args=[run.pk]))

    @admin.display(description="files")
    def files(self, run: Run) -> SafeString | str:
        """Links to the result, while it is there."""
        links = ((file.url, file.label) for file in run_page.downloads(run))
        return format_html_join(", ", '<a href="{}">{}</a>', links) or "-"

    @admin.display(description="shards")
    def shards_of_it(self, run: Run) -> SafeString | str:
        """Into how many it was cut, and where they are while they are there."""
        if not run.shard_count:
            return "not cut"
        address = f"{reverse('admin:vcfjobs_shard_changelist')}?run__id__exact={run.pk}"
        return format_html('<a href="{}">{} shards</a>', address, run.shard_count)

    @admin.display(description="report")
    def summary(self, run: Run) -> SafeString | str:
        """Counts of the engine's report: no place, no name from the file."""
        report = run.report or {}
        counted = {name: report[name] for name in REPORTED if name in report}
        return format_html("<pre>{}</pre>", json.dumps(counted, indent=1)) if counted else "-"

    @admin.display(description="traceback")
    def trace(self, run: Run) -> SafeString | str:
        """Where in the code the run failed."""
        return format_html("<pre>{}</pre>", run.traceback) if run.traceback else "-"

    # --- commands ------------------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may cancel and retry runs."""
        return request.user.has_perm("vcfjobs.change_run")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The commands; Django's own delete would gather every row that hangs on the runs."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Cancel the selected runs…", permissions=["operate"])
    def cancel_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        """Cancel those that are not final."""
        return self._confirmed(request, queryset, CANCEL)

    @admin.action(description="Retry the selected runs", permissions=["operate"])
    def retry_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        """Queue again those that failed or were cancelled and whose file is still here."""
        self._ask_each(request, queryset[: selection.MOST_AT_ONCE], RETRY)

    @admin.action(description="Delete the selected runs with their files…", permissions=["delete"])
    def delete_runs(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponse | None:
        """Delete each with its files, cancelling first."""
        return self._confirmed(request, queryset, DELETE)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The question whether to delete one run. Its answer goes to the list, as a selection's does.

        Django's own would gather every row that hangs on the run, and remove the files inside a transaction
        that may yet fail.
        """
        run = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, run):
            raise PermissionDenied
        if run is None:
            raise Http404
        return self._question(request, [run], DELETE, reverse("admin:vcfjobs_run_changelist"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one run, with the commands that its status and the user's permissions allow."""
        run = kwargs.get("obj")
        commands = []
        if isinstance(run, Run) and self.has_operate_permission(request):
            commands += [(CANCEL.action, "Cancel this run…")] if run.status in ACTIVE else []
            commands += [(RETRY.action, "Retry this run")] if run.is_retryable else []
        return super().render_change_form(request, context | {"commands": commands}, *args, **kwargs)

    def _confirmed(
        self, request: HttpRequest, queryset: QuerySet[Run], command: Command
    ) -> HttpResponse | None:
        """Do it to the very runs that the question was about; ask it first."""
        if request.POST.get("confirmed"):
            asked_for = selection.keys(request.POST.get("runs", ""))
            self._ask_each(request, self.get_queryset(request).filter(pk__in=asked_for), command)
            return None
        runs = list(queryset[: selection.MOST_AT_ONCE + 1])
        return self._question(request, runs, command, request.get_full_path())

    def _question(self, request: HttpRequest, runs: list[Run], command: Command, target: str) -> HttpResponse:
        chosen = runs[: selection.MOST_AT_ONCE]
        context = self.admin_site.each_context(request) | {
            "title": f"{command.ask} {len(chosen):,} run{'' if len(chosen) == 1 else 's'}?",
            "command": command,
            "runs": chosen[: selection.NAMES_SHOWN],
            "unnamed": max(0, len(chosen) - selection.NAMES_SHOWN),
            "too_many": len(runs) > len(chosen),
            "most": selection.MOST_AT_ONCE,
            "keys": selection.joined(chosen),
            "target": target,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/vcfjobs/run/confirm.html", context)

    def _ask_each(self, request: HttpRequest, runs: Iterable[Run], command: Command) -> None:
        """Ask the same of each run; say how many it was done to, and why not to the others."""

        def write_down(run: Run) -> object:
            if command is DELETE:
                return self.log_deletions(request, [run])  # type: ignore[arg-type]  # any iterable will do
            return self.log_change(request, run, f"{command.done.capitalize()}.")

        outcome = selection.ask_each(runs, command.service, write_down)
        level = messages.SUCCESS if outcome.done else messages.INFO
        self.message_user(request, f"{outcome.done:,} of the runs {command.done}.", level)
        for sentence, number in outcome.refusals.items():
            self.message_user(request, f"{number:,} left as they are: {sentence}", messages.WARNING)
        if outcome.left:
            self.message_user(
                request,
                f"{outcome.left:,} not yet: the time of one request was over. Select them again.",
                messages.WARNING,
            )
