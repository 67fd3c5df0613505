"""What all lists of the admin share: read-only rows, and pages whose cost does not grow with the table."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from vcfjobs.database import row_counts

# The rows that are counted and paged; others are found by a filter or a search.
MOST_LISTED = 2000


class BoundedPaginator(Paginator[Any]):
    """Pages of the first MOST_LISTED rows; later rows are not even counted."""

    object_list: QuerySet[Any]

    @cached_property
    def found(self) -> int:
        """The number of rows, at most one above the limit."""
        return row_counts.at_most(self.object_list, MOST_LISTED + 1)

    @cached_property
    def count(self) -> int:
        """How many rows the pages have."""
        return min(self.found, MOST_LISTED)

    @property
    def in_words(self) -> str:
        """The number as the list shows it: 17, or 2,000+."""
        return f"{self.count:,}+" if self.found > self.count else f"{self.count:,}"


class ReadOnly:
    """Rows that only the service adds and changes."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count the whole table for each choice
    list_per_page = 50
    list_max_show_all = 200
    paginator: ClassVar[type[Paginator[Any]]] = BoundedPaginator
    # Filters and columns that the query string may filter by: indexed ones whose content staff may know.
    lookups: ClassVar[tuple[str, ...]] = ()

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup.split("__")[0] in self.lookups


class NoDelete(ReadOnly):
    """Rows that are not deleted here either: others refer to them, or a worker uses them."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
