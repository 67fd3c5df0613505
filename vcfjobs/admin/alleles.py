"""The registry in the admin: alleles found by identifier, never counted or sorted as a whole."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from vcfjobs.admin.lists import BoundedPaginator, NoDelete
from vcfjobs.admin.references import USES, USES_SHOWN, names
from vcfjobs.models import Allele
from vcfjobs.registry import provenance, queries, search

RUNS_SHOWN = 20
SEARCH_SECONDS = 1.0
LONGEST_STATE = 50
LONGEST_LITERAL = 10_000


class EstimatedPaginator(BoundedPaginator):
    """Shows the estimated number of alleles when all are listed."""

    @property
    def in_words(self) -> str:
        if self.found <= self.count:
            return super().in_words
        return f"the first {self.count:,} of about {queries.estimated_count():,}"


@admin.register(Allele)
class AlleleAdmin(NoDelete, admin.ModelAdmin[Allele]):
    """The registry."""

    # No columns, so that no query string can sort a hundred million rows.
    list_display = ("__str__", "interval", "state")
    list_select_related = ("sequence",)
    ordering = ("digest",)
    paginator = EstimatedPaginator
    search_fields = ("digest",)
    search_help_text = "A complete identifier, ga4gh:VA.…"
    fields = ("__str__", "location", "sequence", "used_as", "start", "end", "state", "vrs", "held_by")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Allele], search_term: str
    ) -> tuple[QuerySet[Allele], bool]:
        if not search_term:
            return queryset, False
        digest = search.digest_of(search_term.strip())
        return (queryset.filter(pk=digest) if digest else queryset.none()), False

    def get_fields(self, request: HttpRequest, obj: Allele | None = None) -> Any:
        return self.fields if request.user.has_perm("vcfjobs.view_run") else self.fields[:-1]

    def view_on_site(self, allele: Allele) -> str:
        return reverse("pages:allele", args=[str(allele)])

    def interval(self, allele: Allele) -> str:
        return f"{allele.sequence.accession} [{allele.start:,}, {allele.end:,})"

    def location(self, allele: Allele) -> str:
        return str(allele.to_vrs()["location"]["id"])

    @admin.display(description="contigs")
    def used_as(self, allele: Allele) -> str:
        return names(USES.filter(sequence=allele.sequence_id)[: USES_SHOWN + 1])

    def state(self, allele: Allele) -> str:
        if allele.literal is None:
            return f"length {allele.length}, repeat subunit {allele.repeat_subunit_length}"
        if len(allele.literal) > LONGEST_STATE:
            return f"{allele.literal[:LONGEST_STATE]}… ({len(allele.literal):,} bases)"
        return allele.literal or "(empty)"

    @admin.display(description="VRS object")
    def vrs(self, allele: Allele) -> SafeString | str:
        if len(allele.literal or "") > LONGEST_LITERAL:
            return f"The literal sequence has {len(allele.literal or ''):,} bases. Use GET /object/{allele}"
        return format_html("<pre>{}</pre>", json.dumps(allele.to_vrs(), indent=2))

    @admin.display(description="runs")
    def held_by(self, allele: Allele) -> SafeString:
        runs, complete = provenance.latest_runs_holding(allele, most=RUNS_SHOWN, seconds=SEARCH_SECONDS)
        return render_to_string("admin/vcfjobs/allele/runs.html", {"runs": runs, "complete": complete})
