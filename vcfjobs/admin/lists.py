"""What all lists of the admin share: rows to look at, on pages that cost the same however many there are."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from vcfjobs.database import row_counts

# So many rows are counted and paged through; whoever looks for another filters, or searches.
MOST_LISTED = 2000


class BoundedPaginator(Paginator[Any]):
    """Pages of the first MOST_LISTED rows; what lies behind them is not even counted."""

    object_list: QuerySet[Any]

    @cached_property
    def found(self) -> int:
        """The number of rows, counted to one beyond the bound."""
        return row_counts.at_most(self.object_list, MOST_LISTED + 1)

    @cached_property
    def count(self) -> int:
        """How many rows the pages hold."""
        return min(self.found, MOST_LISTED)

    @property
    def in_words(self) -> str:
        """The number as the list says it: 17, or 2,000+."""
        return f"{self.count:,}+" if self.found > self.count else f"{self.count:,}"


class ReadOnly:
    """Rows to look at: no add, no change."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count the whole table, once a choice
    list_per_page = 50
    list_max_show_all = 200
    pages: type[BoundedPaginator] = BoundedPaginator
    # Filters, and columns by which the address of a list may narrow it: not those that would be read through,
    # or whose content not everybody may learn.
    lookups: ClassVar[tuple[str, ...]] = ()

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> BoundedPaginator:
        """The bounded pages."""
        return self.pages(queryset, per_page, orphans, allow_empty_first_page)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows come from the service."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows change by the service."""
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether a list may be narrowed so by its address."""
        return lookup.split("__")[0] in self.lookups


class NoDelete(ReadOnly):
    """Rows that stay: no delete either."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """What others rest on, or what a worker holds, is not deleted here."""
        return False
