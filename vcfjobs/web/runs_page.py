"""One page of the list of runs: filtered, newest first, by key and not by number, so never a COUNT.

A search is a scan: no index finds a part of a file name. So it goes through the newest SEARCHED runs that
the caller may see and no further, an index range however large the table is; beside it a run is found by
its whole run_id or key, however old, which is an equality. The page says where the scan ended.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, QueryDict

from vcfjobs.database.keyset_pagination import ORDER, encode_cursor, known_cursor, older_than
from vcfjobs.models import Run, RunQuerySet
from vcfjobs.web.forms import FilterForm

PAGE_SIZE = 25
SEARCHED = 20_000
# What no row of the list shows, and what may be large.
UNSEEN = ("report", "traceback", "error")


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs in a row; `newest` and `older` are the query strings of the first page and the next.

    `searched` is how many runs a search went through where there are more, else 0.
    """

    runs: list[Run]
    narrowed: bool
    first: bool
    newest: str
    older: str
    searched: int = 0

    @property
    def active(self) -> Active:
        """The runs of the page that are still to change."""
        return Active([run for run in self.runs if not run.is_final])


@dataclass(frozen=True, slots=True)
class Active:
    """Runs that are still to change, and the query string that asks for them and for no others."""

    runs: list[Run]

    @property
    def query(self) -> str:
        """One address for all of them, so that a page asks once however many there are."""
        return urlencode([("run", run.pk) for run in self.runs])


def page(runs: RunQuerySet, filters: FilterForm, before: str = "") -> RunPage:
    """The runs that `filters` leaves, older than the run whose place `before` is; one query, three to search.

    Anything but a place of an earlier page is the first page.
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
    older = encode_cursor(shown[-1].created, shown[-1].pk) if shown else ""
    return RunPage(
        runs=shown,
        narrowed=bool(wanted) or not valid,
        first=not before,
        newest=urlencode(wanted),
        older=urlencode(wanted | {"before": older}) if len(ordered) > PAGE_SIZE else "",
        searched=SEARCHED if oldest is not None else 0,
    )


def asked_for(runs: RunQuerySet, query: QueryDict) -> tuple[list[Run], list[str]]:
    """The runs that a page asks for by key, a page of them at most, and the keys of those that are gone."""
    keys = []
    for text in query.getlist("run")[:PAGE_SIZE]:
        with suppress(ValueError):
            keys.append(UUID(text))
    found = list(runs.filter(pk__in=keys).order_by(*ORDER).defer(*UNSEEN)) if keys else []
    there = {run.pk for run in found}
    return found, [str(key) for key in keys if key not in there]


def hints(request: HttpRequest) -> dict[str, str]:
    """How to do the same from a terminal; the token is named, never written."""
    curl = 'curl -H "Authorization: Bearer $TOKEN"' if settings.ANYVAR_AUTH_TOKEN_LIST else "curl"
    return {"curl": curl, "base_url": request.build_absolute_uri("/").rstrip("/")}


def _oldest_searched(runs: RunQuerySet) -> datetime | None:
    """When the last of the newest SEARCHED runs was submitted; None where there are no more than those."""
    moments = runs.order_by(*ORDER).values_list("created", flat=True)
    return next(iter(moments[SEARCHED : SEARCHED + 1]), None)


def _searched(runs: RunQuerySet, search: str, oldest: datetime | None) -> list[RunQuerySet]:
    """The newest runs that hold the text, and those of any age that are called so: a set for each index."""
    holding = runs.filter(Q(run_id__icontains=search) | Q(file_name__icontains=search))
    called = Q(run_id=search, superseded=False)
    with suppress(ValueError):
        called |= Q(pk=UUID(search))
    return [holding if oldest is None else holding.filter(created__gt=oldest), runs.filter(called)]
