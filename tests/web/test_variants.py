"""The variants on a run's page: a filter and pages of records, without JavaScript."""

from __future__ import annotations

import re
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.factories import HEADER, make_run
from tests.web.page_text import link, markup, words
from tests.web.test_allele_page import make_allele
from vcfjobs import storage
from vcfjobs.models import Run, Status
from vcfjobs.runs.records import page_of
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.vcf.browse import Bounds
from vcfjobs.web import variants

pytestmark = [pytest.mark.django_db, pytest.mark.database]

UNKNOWN = "ga4gh:VA." + "A" * 32


def record(
    info: str = "DP=3", *, pos: int = 1234, ref: str = "A", alt: str = "C", name: str = ".", tail: str = ""
) -> str:
    """A line of a result; `tail` is what follows INFO."""
    return f"chr1\t{pos}\t{name}\t{ref}\t{alt}\t.\tPASS\t{info}{tail}\n"


def succeeded(*records: str, header: str = HEADER, **columns: Any) -> Run:
    """A succeeded run with this result on disk."""
    values = {
        "status": Status.SUCCEEDED,
        "attempt": 1,
        "finished": timezone.now(),
        "records_done": len(records),
    }
    run = make_run(**(values | columns))
    write_result(run, header + "".join(records))
    return run


def write_result(run: Run, text: str) -> Path:
    """Store a result as a worker does."""
    path = storage.result_path(run.pk, run.attempt)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        writer = BgzfWriter(file)
        writer.write(text.encode())
        writer.close()
    return path


def squeezed(cell: str) -> str:
    """The text of a cell, white space in one, a hyphen for the dash that means nothing."""
    cell = re.sub(r"<button.*?</button>", "", cell)
    text = unescape(re.sub(r"<.*?>", " ", cell)).replace("\u2013", "-")
    return re.sub(r"[ \n]+", " ", text).strip()


def cells(response: Any) -> list[list[str]]:
    """The text of each cell of the records, a hyphen for nothing."""
    (table,) = re.findall(r'<table class="variants stacked">.*?</table>', markup(response), re.DOTALL)
    rows = [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in table.split("<tr>")[2:]]
    return [[squeezed(cell) for cell in row] for row in rows]


def names(response: Any) -> list[str]:
    return [row[1] for row in cells(response)]


def numbered(count: int, **columns: Any) -> Run:
    """A run of `count` records named r0, r1 and so on."""
    return succeeded(*(record(name=f"r{number}", pos=number + 1) for number in range(count)), **columns)


# --- a record ------------------------------------------------------------------------------------


def test_records_are_shown_with_the_identifier_of_each_allele(client: Client) -> None:
    run = succeeded(record(f"DP=3;VRS_Allele_IDs={UNKNOWN},.", name="rs1"))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row == ["chr1 :1234", "rs1", "A", "C", f"REF {UNKNOWN} ALT -"]


def test_of_several_alts_each_has_its_number(client: Client) -> None:
    run = succeeded(record(f"VRS_Allele_IDs={UNKNOWN},.", alt="C,<DEL>"), for_ref=False)
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row[3:] == ["C <DEL>", f"ALT 1 {UNKNOWN} ALT 2 -"]


def test_what_is_missing_is_a_dash(client: Client) -> None:
    (row,) = cells(client.get(f"/jobs/{succeeded(record(alt='.')).pk}/"))
    assert row == ["chr1 :1234", "-", "A", "-", "-"]


def test_an_error_stands_in_place_of_identifiers(client: Client) -> None:
    run = succeeded(record("VRS_Error=Reference mismatch%3B here"))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row[4] == "Reference mismatch; here"


def test_a_registered_identifier_is_a_link_and_another_is_text(client: Client, tiny_assembly: str) -> None:
    allele = make_allele(2, 3, literal="T")
    run = succeeded(record(f"VRS_Allele_IDs={UNKNOWN},{allele}"), register=False)
    page = words(client.get(f"/jobs/{run.pk}/"))
    assert f'<a href="/alleles/{allele}/"><code>{allele}</code></a>' in page
    assert f"<code>{UNKNOWN}</code>" in page
    assert f"/alleles/{UNKNOWN}/" not in page
    assert page.count(f'data-copy-text="{UNKNOWN}"') == 1


def test_the_page_of_a_run_asks_the_registry_once_for_all_identifiers(
    client: Client, tiny_assembly: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ids = [make_allele(place, place + 1, literal="T") for place in range(30)]
    run = succeeded(*(record(f"VRS_Allele_IDs={a},{b}") for a, b in zip(ids[::2], ids[1::2], strict=True)))
    with django_assert_num_queries(2):  # the run, the registry
        page = words(client.get(f"/jobs/{run.pk}/"))
    assert page.count('href="/alleles/') == 30


def test_long_sequences_are_folded_and_huge_ones_cut(client: Client) -> None:
    run = succeeded(record(ref="ACGT" * 25, alt="G" * 30_000))
    response = client.get(f"/jobs/{run.pk}/")
    (row,) = cells(response)
    assert row[2].startswith("ACGTACGTACGT… (100 ")
    assert row[2].endswith("ACGT" * 25)
    assert row[3].startswith("GGGGGGGGGGGG… (30000 ")
    assert "G" * 2_001 not in words(response)


def test_many_alleles_of_one_record_are_counted_and_not_all_shown(client: Client) -> None:
    ids = ",".join([UNKNOWN] * 31)
    run = succeeded(record(f"VRS_Allele_IDs={ids}", alt=",".join(["C"] * 30)))
    (row,) = cells(client.get(f"/jobs/{run.pk}/"))
    assert row[3].endswith("and 20 more")
    assert row[4].endswith("and 21 more")


def test_what_a_result_holds_is_text(client: Client) -> None:
    run = succeeded(
        record(name="<script>alert(1)</script>", alt="<img src=x>", info="VRS_Allele_IDs=<b>,<i>"),
        record(name="<u>", info="VRS_Error=<s>"),
    )
    page = client.get(f"/jobs/{run.pk}/").content.decode()
    for tag in ("<script>alert", "<img", "<b>", "<i>", "<u>", "<s>"):
        assert tag not in page


def test_a_record_above_the_bound_is_said_to_be_incomplete(client: Client) -> None:
    run = succeeded(record("X=" + "y" * (2 << 20) + ";VRS_Allele_IDs=."), record(name="after"))
    response = client.get(f"/jobs/{run.pk}/")
    assert names(response) == ["-", "after"]
    assert cells(response)[0][4] == "The record is too long to be shown completely."
    assert len(response.content) < 40_000


# --- pages ---------------------------------------------------------------------------------------


def test_pages_lead_forth_and_back(client: Client) -> None:
    run = numbered(60)
    seen, there = [], f"/jobs/{run.pk}/"
    for _ in range(3):
        response = client.get(there)
        seen.append(names(response))
        there = link(response, "variants-next").partition("#")[0]
    assert [len(page) for page in seen] == [25, 25, 10]
    assert [name for page in seen for name in page] == [f"r{number}" for number in range(60)]
    assert there == ""
    for page in (seen[1], seen[0]):
        response = client.get(link(response, "variants-previous").partition("#")[0])
        assert names(response) == page
    assert link(response, "variants-previous") == link(response, "variants-first") == ""


def test_the_first_page_is_a_link_on_the_others(client: Client) -> None:
    address = f"/jobs/{numbered(30).pk}/"
    second = client.get(link(client.get(address), "variants-next").partition("#")[0])
    assert names(client.get(link(second, "variants-first").partition("#")[0]))[0] == "r0"


def test_the_filter_stays_from_page_to_page(client: Client) -> None:
    run = numbered(60)
    response = client.get(f"/jobs/{run.pk}/?region=chr1:11-50")
    assert names(response)[0] == "r10"
    second = client.get(link(response, "variants-next").partition("#")[0])
    assert names(second) == [f"r{number}" for number in range(35, 50)]
    assert 'value="chr1:11-50"' in words(second)


def test_a_hundred_rows_may_be_asked_for(client: Client) -> None:
    assert len(cells(client.get(f"/jobs/{numbered(101).pk}/?rows=100"))) == 100


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("region=chr1:3", ["deletion"]),
        ("id=snv", ["snv"]),
        ("type=deletion", ["deletion"]),
        ("only=failed", ["failed"]),
        ("only=without_id", ["deletion", "failed"]),
        (f"vrs_id={UNKNOWN}", ["snv"]),
        (f"vrs_id={'A' * 32}", ["snv"]),
        ("type=&region=&id=&vrs_id=&only=&rows=25", ["snv", "deletion", "failed"]),
    ],
)
def test_the_form_narrows_the_table(client: Client, query: str, expected: list[str]) -> None:
    run = succeeded(
        record(f"VRS_Allele_IDs=.,{UNKNOWN}", pos=1, name="snv"),
        record(pos=3, ref="AC", alt="A", name="deletion"),
        record("VRS_Error=x", pos=9, ref="AC", alt="TT", name="failed"),
    )
    assert names(client.get(f"/jobs/{run.pk}/?{query}")) == expected


def test_that_nothing_matches_is_said(client: Client) -> None:
    run = succeeded(record())
    assert "No variants match." in words(client.get(f"/jobs/{run.pk}/?id=nothing"))
    assert "a header and no records" in words(client.get(f"/jobs/{succeeded().pk}/"))
    assert "All records" in words(client.get(f"/jobs/{run.pk}/"))


def test_a_search_that_takes_too_long_says_how_far_it_came(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "page_of", partial(page_of, bounds=Bounds(seconds=0)))
    address = f"/jobs/{numbered(5_000).pk}/"
    found, response = [], client.get(f"{address}?id=r4999")
    page = words(response)
    assert re.search(r"Searched up to <bdi>chr1</bdi>:\d+\. <a href=\"[^\"]*cursor=", page)
    assert "No variants match" not in page
    while there := link(response, "variants-next").partition("#")[0]:
        response = client.get(there)
        found += names(response) if '<table class="variants' in words(response) else []
    assert found == ["r4999"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("cursor=x", "Not a cursor issued by this service."),
        ("cursor=5", "Not a cursor issued by this service."),
        ("back=0~x", "Not a cursor issued by this service."),
        ("region=chr1:9-1", "A region begins at 1 and does not end before its beginning."),
        ("vrs_id=a+b", "A VRS id is ga4gh:VA. and 32 characters, or their beginning."),
        ("type=indel", "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_422_and_said_on_the_page(client: Client, query: str, sentence: str) -> None:
    response = client.get(f"/jobs/{succeeded(record()).pk}/?{query}")
    assert response.status_code == 422
    assert sentence in words(response)


@pytest.mark.parametrize(
    "state", ["failed", "cancelled", "running", "queued", "expired", "ingest", "lost", "damaged"]
)
def test_where_no_result_can_be_read_the_page_has_no_variants(client: Client, state: str) -> None:
    run = succeeded(record())
    if state in Status.values:
        Run.objects.update(status=state)
    elif state == "expired":
        Run.objects.update(expires=timezone.now())
    elif state == "ingest":
        Run.objects.update(kind="ingest")
    elif state == "lost":
        storage.drop_run(run.pk)
    else:
        storage.result_path(run.pk, 1).write_bytes(b"\x1f\x8b nothing")
    response = client.get(f"/jobs/{run.pk}/")
    assert response.status_code == 200
    assert 'id="variants"' not in words(response)


def test_the_part_of_a_run_that_has_just_ended_brings_the_variants(client: Client) -> None:
    run = succeeded(record())
    assert 'id="variants"' in words(client.get(f"/jobs/{run.pk}/status/?seen=running"))
