"""The variants of a run's result as its page shows them: a filter, and a page of records.

`back` holds the cursors of the pages before, so that going back needs no search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from django import forms
from django.http import QueryDict

from vcfjobs.errors import InvalidCursorError, RunFailureError
from vcfjobs.models import Run
from vcfjobs.registry import search
from vcfjobs.runs.records import cursor_of, has_records, page_of, require_cursor
from vcfjobs.templatetags.figures import in_words
from vcfjobs.vrs.vcf.browse import (
    FAILED,
    KINDS,
    WITHOUT_ID,
    Filter,
    Place,
    Record,
    RecordAllele,
    Region,
    identifier_prefix,
)

Parsed = TypeVar("Parsed")

SIZES = (25, 100)
FIRST = "0"
# So that an address stays short; further back, the first page is the one to go to.
MOST_BACK = 60
ALLELES_SHOWN = 10


class FilterForm(forms.Form):
    """Which records are wanted, and how many of them on a page."""

    region = forms.CharField(
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"placeholder": "chr7:140753300-140753400"}),
    )
    id = forms.CharField(
        label="ID",
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"placeholder": "rs113488022"}),
    )
    vrs_id = forms.CharField(
        label="VRS id",
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"placeholder": "ga4gh:VA.…"}),
    )
    type = forms.ChoiceField(
        required=False, choices=[("", "Any"), *((kind, in_words(kind)) for kind in KINDS)]
    )
    only = forms.ChoiceField(
        label="Records",
        required=False,
        choices=[("", "All"), (FAILED, "Failed (VRS_Error)"), (WITHOUT_ID, "Without a VRS id")],
    )
    rows = forms.ChoiceField(required=False, choices=[(n, n) for n in SIZES])

    def clean_region(self) -> Region | None:
        return _parsed(Region.parse, self.cleaned_data["region"])

    def clean_vrs_id(self) -> str:
        return _parsed(identifier_prefix, self.cleaned_data["vrs_id"]) or ""

    def wanted(self) -> Filter:
        """The filter of the valid form."""
        asked = self.cleaned_data
        return Filter(asked["region"], asked["id"], asked["vrs_id"], asked["type"], asked["only"])


class Row(NamedTuple):
    """A record as it is shown: its alleles by name, and how many ALTs and alleles are not."""

    record: Record
    alts: list[str]
    alleles: list[tuple[str, RecordAllele]]
    hidden_alts: int
    hidden_alleles: int


class Variants(NamedTuple):
    """A page of records, which of their ids are registered, and the addresses of the pages around it.

    `status` is that of the answer: 422 where the filter or the cursor is wrong.
    """

    form: FilterForm
    rows: list[Row]
    registered: set[str]
    searched_to: Place | None
    narrowed: bool
    is_first: bool
    first: str
    previous: str
    following: str
    error: str
    status: int


def variants_of(run: Run, query: QueryDict) -> Variants | None:
    """The page that a query asks for; None where there is no readable result. One query of the registry."""
    if not has_records(run):
        return None
    form = FilterForm({"rows": SIZES[0]} | query.dict(), label_suffix="", auto_id="variants-%s")
    cursor, back = query.get("cursor", ""), [each for each in query.get("back", "").split("~") if each]
    asked = {name: str(query[name]) for name in form.fields if query.get(name)}
    narrowed = any(name != "rows" for name in asked)
    empty = Variants(form, [], set(), None, narrowed, not cursor, _address(asked), "", "", "", 200)
    if not form.is_valid():
        return empty._replace(status=422)
    try:
        for each in back:
            require_cursor(each)
        page = page_of(run, form.wanted(), size=int(form.cleaned_data["rows"] or SIZES[0]), cursor=cursor)
    except InvalidCursorError as error:
        return empty._replace(error=error.sentence, status=422)
    except RunFailureError:
        return None
    following = cursor_of(page)
    passed = [*back, cursor or FIRST][-MOST_BACK:]
    ids = {allele.vrs_id for record in page.records for allele in record.alleles if allele.vrs_id}
    return empty._replace(
        rows=[_row(record) for record in page.records],
        registered=search.registered(ids) if ids else set(),
        searched_to=page.searched_to,
        previous=_address(asked, back[-1], back[:-1]) if back else "",
        following=_address(asked, following, passed) if following else "",
    )


def _parsed(parse: Callable[[str], Parsed], text: str) -> Parsed | None:
    try:
        return parse(text) if text else None
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


def _row(record: Record) -> Row:
    several = len(record.alts) > 1
    names = ["REF", *(f"ALT {number}" if several else "ALT" for number in range(1, len(record.alts) + 1))]
    named = [
        (names[allele.number] if allele.number < len(names) else f"ALT {allele.number}", allele)
        for allele in record.alleles[:ALLELES_SHOWN]
    ]
    return Row(
        record,
        record.alts[:ALLELES_SHOWN],
        named,
        max(0, len(record.alts) - ALLELES_SHOWN),
        max(0, len(record.alleles) - ALLELES_SHOWN),
    )


def _address(asked: dict[str, str], cursor: str = "", back: list[str] | None = None) -> str:
    """The query, and the place on the page, of another page of the same filter."""
    place = {"cursor": "" if cursor == FIRST else cursor, "back": "~".join(back or [])}
    return f"?{urlencode(asked | {name: value for name, value in place.items() if value})}#variants"
