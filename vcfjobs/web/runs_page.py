"""One page of the list of runs: filtered, newest first, paged by key, so there is no COUNT.

No index finds a part of a file name, so a search scans the newest SEARCHED runs that the caller may see and
says so. A whole run_id or key is found at any age, because an index finds it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q
from django.http import QueryDict

from vcfjobs.database.keyset_pagination import ORDER, encode_cursor, known_cursor, older_than
from vcfjobs.models import Run, RunQuerySet
from vcfjobs.web.forms import FilterForm

PAGE_SIZE = 25
SEARCHED = 20_000
# Large columns that the list does not show.
UNSEEN = ("report", "traceback", "error")


class RunPage(NamedTuple):
    """One page; `older` is the cursor of the next one, "" on the last.

    `searched` is the number of runs that a search scanned if there are more, else 0.
    """

    runs: list[Run]
    narrowed: bool
    first: bool
    older: str
    searched: int

    @property
    def active(self) -> list[Run]:
        """The runs of the page that can still change."""
        return [run for run in self.runs if not run.is_final]


def page(runs: RunQuerySet, filters: FilterForm, before: str = "") -> RunPage:
    """The runs that match `filters` after the cursor `before`: one query, three for a search.

    Anything but a cursor gives the first page.
    """
    before = known_cursor(before)
    valid = filters.is_valid()
    wanted = {name: value for name, value in filters.cleaned_data.items() if value} if valid else {}
    search, status = wanted.get("search"), wanted.get("status")
    oldest = _oldest_searched(runs) if search else None
    sets = _searched(runs, search, oldest) if search else [runs] if valid else []
    found: dict[UUID, Run] = {}
    for some in sets:
        narrowed = some.filter(status=status) if status else some
        rows = older_than(narrowed, before).order_by(*ORDER).defer(*UNSEEN)[: PAGE_SIZE + 1]
        found |= {run.pk: run for run in rows}
    ordered = sorted(found.values(), key=lambda run: (run.created, run.pk), reverse=True)
    shown = ordered[:PAGE_SIZE]
    return RunPage(
        runs=shown,
        narrowed=bool(wanted) or not valid,
        first=not before,
        older=encode_cursor(shown[-1].created, shown[-1].pk) if len(ordered) > PAGE_SIZE else "",
        searched=SEARCHED if oldest is not None else 0,
    )


def asked_for(runs: RunQuerySet, query: QueryDict) -> tuple[list[Run], list[str]]:
    """The runs that a page asks for by key, PAGE_SIZE at most, and the keys of those that were deleted."""
    keys = []
    for text in query.getlist("run")[:PAGE_SIZE]:
        with suppress(ValueError):
            keys.append(UUID(text))
    found = list(runs.filter(pk__in=keys).order_by(*ORDER).defer(*UNSEEN)) if keys else []
    there = {run.pk for run in found}
    return found, [str(key) for key in keys if key not in there]


def _oldest_searched(runs: RunQuerySet) -> datetime | None:
    """When the oldest of the newest SEARCHED runs was submitted; None if there are no older ones."""
    moments = runs.order_by(*ORDER).values_list("created", flat=True)
    return next(iter(moments[SEARCHED : SEARCHED + 1]), None)


def _searched(runs: RunQuerySet, search: str, oldest: datetime | None) -> list[RunQuerySet]:
    """The newest runs whose names contain the text, and those of any age named exactly so."""
    holding = runs.filter(Q(run_id__icontains=search) | Q(file_name__icontains=search))
    newest = holding if oldest is None else holding.filter(created__gt=oldest)
    return [newest, runs.named(search)]
