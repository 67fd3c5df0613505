"""One page of the list of runs: filtered, newest first, by key and not by number, so never a COUNT."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest

from vcfjobs.forms import FilterForm
from vcfjobs.models import Run, RunQuerySet

PAGE_SIZE = 25
# What no row of the list shows, and what may be large.
UNSEEN = ("report", "traceback", "error")


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs in a row; `here` and `older` are the query strings of this page and the next."""

    runs: list[Run]
    narrowed: bool
    first: bool
    here: str
    newest: str
    older: str

    @property
    def any_active(self) -> bool:
        """Whether a run of the page is still to change."""
        return any(not run.is_final for run in self.runs)


def page(runs: RunQuerySet, filters: FilterForm, before: str = "") -> RunPage:
    """The runs that `filters` leaves, older than the run that `before` names; one query.

    `before` is "<created, ISO 8601>~<uuid>", as an earlier page wrote it; anything else is the first page.
    """
    wanted = {}
    if not filters.is_valid():
        runs = runs.none()
    else:
        wanted = {name: value for name, value in filters.cleaned_data.items() if value}
        runs = _narrow(runs, **wanted)
    key = _read_key(before)
    if key is not None:
        runs = runs.filter(Q(created__lt=key[0]) | Q(created=key[0], pk__lt=key[1]))
    found = list(runs.order_by("-created", "-id").defer(*UNSEEN)[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return RunPage(
        runs=shown,
        narrowed=bool(wanted) or not filters.is_valid(),
        first=key is None,
        here=urlencode(wanted | ({"before": before} if key else {})),
        newest=urlencode(wanted),
        older=urlencode(wanted | {"before": _key(shown[-1])}) if len(found) > PAGE_SIZE else "",
    )


def hints(request: HttpRequest) -> dict[str, str]:
    """How to do the same from a terminal; the token is named, never written."""
    curl = 'curl -H "Authorization: Bearer $TOKEN"' if settings.ANYVAR_AUTH_TOKEN_LIST else "curl"
    return {"curl": curl, "base_url": request.build_absolute_uri("/").rstrip("/")}


def _narrow(runs: RunQuerySet, status: str = "", search: str = "") -> RunQuerySet:
    if status:
        runs = runs.filter(status=status)
    if search:
        meant = Q(run_id__icontains=search) | Q(file_name__icontains=search)
        with suppress(ValueError):
            meant |= Q(pk=UUID(search))
        runs = runs.filter(meant)
    return runs


def _key(run: Run) -> str:
    return f"{run.created.isoformat()}~{run.pk}"


def _read_key(text: str) -> tuple[datetime, UUID] | None:
    moment, _, pk = text.partition("~")
    with suppress(ValueError, OverflowError):
        created = datetime.fromisoformat(moment)
        return (created.astimezone(UTC), UUID(pk)) if created.tzinfo else None
    return None
